/** Text of random bytes for people: no byte of it does anything to their terminal. */
export function shown(text: string): string {
  const hex = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text).replace(
    /[^\x20-\x7e]/g,
    hex,
  );
}

const LONGEST = 4_000;
