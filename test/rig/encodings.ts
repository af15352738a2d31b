/** A text as editors and shells of Windows and others write it. */
export function encodings(text: string): readonly (readonly [encoding: string, bytes: Buffer])[] {
  const wide = Buffer.from(`\uFEFF${text}`, "utf16le");
  return [
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a byte order mark", Buffer.from(`\uFEFF${text}`)],
    ["UTF-16, little endian", wide],
    ["UTF-16, big endian", Buffer.from(wide).swap16()],
    ["UTF-16 without a byte order mark", Buffer.from(text, "utf16le")],
  ];
}
