import { DOMParser, ParseError, type Attr, type Element, type Node } from "@xmldom/xmldom";
import { decodeAs, decodeText } from "../../decode-text.ts";
import { InplaceError } from "../../errors.ts";

/** An XML document that knows its file, for messages. Names are compared without case, as IIS does. */
export interface XmlFile {
  readonly path: string;
  readonly root: Element;
  /** Elements that stand in other files, with all that is in them, and the paths of those files. */
  readonly sources?: ReadonlyMap<Node, string>;
}

/** Parses; throws WEB_CONFIG_INVALID with file, line and column. */
export function parseXml(path: string, bytes: Buffer): XmlFile {
  let problem: string | undefined;
  const parser = new DOMParser({
    // Warnings too: what xmldom warns of and mends, such as a value without quotes, IIS does not read. What is thrown here
    // it would report as an error of its own.
    onError: (_level, message, context: unknown) => {
      problem ??= at(path, placeOf(context), inWords(message));
    },
  });
  try {
    const { documentElement: root } = parser.parseFromString(textOf(path, bytes), "text/xml");
    if (root !== null && problem === undefined) return { path, root };
    throw new InplaceError("WEB_CONFIG_INVALID", problem ?? at(path, undefined, "there is no element"));
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    const what = problem ?? at(path, placeOf(error), inWords(error.message));
    throw new InplaceError("WEB_CONFIG_INVALID", what, { cause: error });
  }
}

/** By the encoding that the file declares, unless its first bytes already tell. */
function textOf(path: string, bytes: Buffer): string {
  const [, label] = DECLARED.exec(bytes.toString("latin1", 0, DECLARED_WITHIN_BYTES)) ?? [];
  // Of UTF-16 the bytes tell; what declares it without them was converted since.
  if (label === undefined || /^utf-?(8|16(le|be)?)$/i.test(label)) return decodeText(bytes);
  try {
    return decodeAs(label, bytes);
  } catch {
    throw new InplaceError("WEB_CONFIG_INVALID", at(path, undefined, `encoding="${label}" is not known`), {
      hint: "Save the file as UTF-8, and declare that.",
    });
  }
}

/** Without a byte order mark, as only a file in bytes of its own encoding begins. */
const DECLARED = /^<\?xml\b[^>]*?\bencoding\s*=\s*["']([^"']*)["']/;
const DECLARED_WITHIN_BYTES = 256;

/** What xmldom says, without the words of its inside. */
function inWords(message: string): string {
  const [, open] = /^unclosed xml tag\(s\): (?:.*, )?(\S+)$/.exec(message) ?? [];
  if (open !== undefined) return `<${open}> is not closed`;
  const [, begun, ended] = /^Opening and ending tag mismatch: "(.*)" != "(.*)"$/.exec(message) ?? [];
  if (begun !== undefined) return `</${ended}> where <${begun}> is still open`;
  if (message === "missing root element") return "there is no element";
  return message.replace(/^.*\b(\w*Error): /s, "");
}

/** An error at a place of the file. */
export function invalidAt(file: XmlFile, node: Node, message: string, hint?: string): InplaceError {
  return new InplaceError(
    "WEB_CONFIG_INVALID",
    at(pathOf(file, node), node, message),
    hint === undefined ? {} : { hint },
  );
}

/** FILE:LINE:COLUMN */
export function placeIn(file: XmlFile, node: Node | undefined): string {
  return `${pathOf(file, node)}:${node?.lineNumber ?? 1}:${node?.columnNumber ?? 1}`;
}

function pathOf({ path, sources }: XmlFile, node: Node | undefined): string {
  for (let each: Node | null | undefined = node; each; each = parentOf(each)) {
    const source = sources?.get(each);
    if (source !== undefined) return source;
  }
  return path;
}

function parentOf(node: Node): Node | null | undefined {
  return node.nodeType === node.ATTRIBUTE_NODE ? (node as Attr).ownerElement : node.parentNode;
}

export function nameOf(node: Element | Attr): string {
  return (node.localName ?? node.nodeName).toLowerCase();
}

export function childElements(parent: Element): Element[] {
  return Array.from(parent.childNodes).filter((node): node is Element => node.nodeType === node.ELEMENT_NODE);
}

export function childrenNamed(parent: Element, name: string): Element[] {
  return childElements(parent).filter((child) => nameOf(child) === name.toLowerCase());
}

/** Without namespace declarations. */
export function attributesOf(element: Element): Attr[] {
  return Array.from(element.attributes).filter((attribute) => !/^xmlns(:|$)/.test(attribute.name));
}

export function attributeOf(element: Element, name: string): Attr | undefined {
  return attributesOf(element).find((attribute) => nameOf(attribute) === name.toLowerCase());
}

interface Place {
  readonly lineNumber?: number;
  readonly columnNumber?: number;
}

/** xmldom hands its position around in several shapes. */
function placeOf(context: unknown): Place | undefined {
  if (typeof context !== "object" || context === null || !("locator" in context)) return undefined;
  return typeof context.locator === "object" && context.locator !== null ? context.locator : undefined;
}

function at(path: string, place: Place | undefined, message: string): string {
  const line = Math.max(1, place?.lineNumber ?? 1);
  return `${path}:${line}:${place?.columnNumber ?? 1}: ${message.replace(/\s+/g, " ").trim()}`;
}
