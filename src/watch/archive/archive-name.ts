const ARCHIVE_ENDING = /\.(zip|nupkg|tgz|tar\.gz)$/i;

export function isArchiveName(name: string): boolean {
  return ARCHIVE_ENDING.test(name);
}

export function withoutArchiveEnding(name: string): string {
  return name.replace(ARCHIVE_ENDING, "");
}
