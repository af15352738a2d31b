import type { Element } from "@xmldom/xmldom";
import { attributeOf, childElements, invalidAt, nameOf, type XmlFile } from "./xml.ts";

export interface CollectionEntry {
  readonly key: string;
  readonly element: Element;
}

/** The entries of a configuration collection after its `<remove/>` and `<clear/>`, in order; a key again replaces. */
export function readCollection(file: XmlFile, parent: Element, add: string, key: string): CollectionEntry[] {
  let entries: CollectionEntry[] = [];
  for (const element of childElements(parent)) {
    const name = nameOf(element);
    if (name === "clear") {
      entries = [];
      continue;
    }
    if (name !== "remove" && name !== add.toLowerCase()) {
      throw invalidAt(file, element, `unrecognized element <${element.nodeName}> in <${parent.nodeName}>`);
    }
    const value = attributeOf(element, key)?.value ?? "";
    if (value === "") throw invalidAt(file, element, `<${element.nodeName}> needs a non-empty ${key}`);
    entries = entries.filter((entry) => entry.key.toLowerCase() !== value.toLowerCase());
    if (name !== "remove") entries.push({ key: value, element });
  }
  return entries;
}
