import { unquoted } from "../../process/windows-path.ts";

const PROGRAM =
  /(^|[\\/])(cmd|command|conhost|cscript|mshta|powershell|powershell_ise|rundll32|wscript|wsl)(\.exe|\.com)?$/i;
const FOLDER = /^(%(SystemRoot|windir)%|(%SystemDrive%|[A-Z]:)[\\/]Windows)[\\/]/i;
const VARIABLES: ReadonlySet<string> = new Set(
  (
    "allusersprofile appdata commonprogramfiles commonprogramfiles(x86) comspec homedrive homepath localappdata programdata " +
    "programfiles programfiles(x86) programw6432 public systemdrive systemroot userprofile windir"
  ).split(" "),
);

/** Whether what processPath names is a part of Windows itself, which no other system can be given. */
export function isProgramOfWindows(processPath: string): boolean {
  const path = unquoted(processPath);
  return PROGRAM.test(path) || FOLDER.test(path) || /^%comspec%$/i.test(path);
}

/** Whether Windows alone sets the variable. */
export function isVariableOfWindows(name: string): boolean {
  return VARIABLES.has(name.toLowerCase());
}
