/** Backups, locks, and the libraries and symbols that lie beside a program and begin as one does. */
const BY_PROGRAM =
  /\.(bak|old|orig|rej|save|lock|swo|swx|temp|dll|dylib|node|o|so|so\.[\d.]+|dbg|debug|pdb|map|sha\d+|md5|sig|asc)$/i;
/** What Explorer, Finder and the file managers of Linux call a copy, or a folder that waits for its name. */
const COPY =
  /( - (copy|kopie|copie|copia|cópia|kopia|копия|コピー|副本)( \(\d+\))?| \((another )?copy( \d+)?\)| copy( \d+)?| \(\d+\))(\.[^. ]+)?$/iu;
const NEW_FOLDER =
  /^(new folder|untitled folder|neuer ordner|nouveau dossier|nueva carpeta|nuova cartella|nova pasta|nieuwe map|新しいフォルダー|新建文件夹)( \(?\d+\)?)?$/iu;
/**
 * What rsync (--temp-dir) and aws s3 write to until a file is whole: six or eight characters at random. Without a capital letter,
 * and a digit before a letter, it may be a word or a version.
 */
const AT_RANDOM = /\.(?=[^.]*[A-Z])(?=[^.]*\d[A-Za-z])[A-Za-z0-9]{6}([A-Za-z0-9]{2})?$/;

/** Whether by its name it is what a copying program, an editor or a person leaves beside the releases, whatever is in it. */
export function isLeftover(name: string): boolean {
  return BY_PROGRAM.test(name) || COPY.test(name) || NEW_FOLDER.test(name) || AT_RANDOM.test(name);
}
