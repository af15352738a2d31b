const TRIES = 3_000;

/** As much of the text taken away as can be while it still fails, so that a person sees what it is about. */
export function shortened(text: string, fails: (less: string) => boolean): string {
  let [shortest, tries] = [text, TRIES];
  for (let size = text.length >> 1; size >= 1 && tries > 0; size >>= 1) {
    for (let at = 0; at < shortest.length && tries > 0; tries -= 1) {
      const less = shortest.slice(0, at) + shortest.slice(at + size);
      if (fails(less)) shortest = less;
      else at += size;
    }
  }
  return shortest;
}
