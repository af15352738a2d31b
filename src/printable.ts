/**
 * What would steer a terminal, or show a line as another than it is: control characters (C0, DEL, C1), marks of direction,
 * and line separators.
 */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const STEERING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const NUMBER_OF_BYTE = 0x100;

/** Text of others as a part of one line of ours: what steers is shown as \x1b or \u202e. The rest stays as it is. */
export function printable(text: string): string {
  return text.replace(STEERING, escaped);
}

/** The same for text that has lines: their ends and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(STEERING, (found, at: number) => {
    if (found === "\n" || found === "\t") return found;
    return found === "\r" && text[at + 1] === "\n" ? "" : escaped(found);
  });
}

/** As JSON.stringify, whose text is the same value to every reader, with what steers escaped: it leaves DEL, C1 and the marks as they are. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(STEERING, (found) => `\\u${hex(found, 4)}`);
}

function escaped(found: string): string {
  return found.charCodeAt(0) < NUMBER_OF_BYTE ? `\\x${hex(found, 2)}` : `\\u${hex(found, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, "0");
}
