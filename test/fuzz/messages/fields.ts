/** Name, value, name, value of field lines that end with CRLF each; only blanks and tabs stand around a value. */
export function fieldsOf(lines: string): string[] {
  const fields: string[] = [];
  for (let start = 0; start < lines.length;) {
    const end = lines.indexOf("\r\n", start);
    const colon = lines.indexOf(":", start);
    if (end <= start || colon < start || colon > end) break;
    fields.push(lines.slice(start, colon), withoutBlanks(lines, colon + 1, end));
    start = end + 2;
  }
  return fields;
}

export function sameFields(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at += 1) if (some[at] !== others[at]) return false;
  return true;
}

function withoutBlanks(text: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
