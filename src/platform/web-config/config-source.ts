import { readFileSync } from "node:fs";
import { dirname, relative, win32 } from "node:path";
import type { Element, Node } from "@xmldom/xmldom";
import { isInside } from "../../paths.ts";
import { localPath } from "../../process/windows-path.ts";
import { isFile } from "../../process/program.ts";
import {
  attributeOf,
  attributesOf,
  childElements,
  invalidAt,
  nameOf,
  parseXml,
  type XmlFile,
} from "./xml.ts";

/**
 * The file with what other files of its folder hold for it in their places: `<customHeaders configSource="headers.config"/>`
 * is the root element of headers.config. Throws WEB_CONFIG_INVALID at the attribute, or in the other file.
 */
export function withSources(file: XmlFile, sections: readonly Element[]): XmlFile {
  const sources = new Map<Node, string>();
  for (const section of sections.flatMap(childElements))
    resolveIn({ ...file, sources }, section, sources, []);
  return { ...file, sources };
}

/** `within`: the files that the element stands in. */
function resolveIn(
  file: XmlFile,
  element: Element,
  sources: Map<Node, string>,
  within: readonly string[],
): void {
  const attribute = attributeOf(element, "configSource");
  if (attribute === undefined) {
    for (const child of childElements(element)) resolveIn(file, child, sources, within);
    return;
  }
  const fail = (why: string): Error =>
    invalidAt(file, attribute, `configSource="${attribute.value}" of <${element.nodeName}> ${why}`, HINT);
  if (childElements(element).length > 0 || attributesOf(element).some((each) => isOwn(nameOf(each))))
    throw fail("stands beside settings of the element's own");
  const path = sourceOf(file.path, attribute.value);
  if (path === undefined) throw fail("names no file in the site");
  if (!isFile(path)) throw fail(`names no file in the site: there is no ${path}`);
  if (within.includes(path)) throw fail("leads back to itself");
  const { root } = parseXml(path, readFileSync(path));
  if (nameOf(root) !== nameOf(element)) throw fail(`holds <${root.nodeName}>`);
  element.parentNode?.replaceChild(root, element);
  sources.set(root, path);
  resolveIn(file, root, sources, [...within, path]);
}

const HINT =
  "Put the file there, with that element as its root; a deploy copies it where files in inplace.config.json names it.";

function isOwn(name: string): boolean {
  return name !== "configsource" && !name.startsWith("lock");
}

/** undefined where it is not in the folder of web.config. */
function sourceOf(webConfig: string, written: string): string | undefined {
  if (win32.isAbsolute(written) || /^[A-Za-z]:/.test(written)) return undefined;
  const folder = dirname(webConfig);
  const { path } = localPath(written, folder);
  return isInside(folder, path) && relative(folder, path) !== "" ? path : undefined;
}
