import type { Attr, Element } from "@xmldom/xmldom";
import { nearest } from "../../nearest.ts";
import { attributesOf, invalidAt, nameOf, type XmlFile } from "./xml.ts";

/** What an attribute may hold; the name is written as the module's schema writes it. */
export type AttributeSpec =
  | { readonly kind: "text"; readonly name: string }
  | { readonly kind: "number"; readonly name: string; readonly from: number; readonly to: number }
  | { readonly kind: "boolean"; readonly name: string }
  /** [d.]hh:mm:ss, read as milliseconds. */
  | { readonly kind: "time"; readonly name: string; readonly maxDays: number };

export type AttributeValue = string | number | boolean;

const DAY_MS = 86_400_000;
const TIME = /^(?:(\d{1,3})\.)?(\d{1,2}):([0-5]?\d):([0-5]?\d)$/;

/** Every section of IIS may have these: they keep settings below from being changed. */
const LOCKS = /^lock(Attributes|AllAttributesExcept|Elements|AllElementsExcept|Item)$/i;

/** An element's attributes by the names of their specs. An unknown one is an error, as IIS's 500.19 is. */
export function readAttributes(
  file: XmlFile,
  element: Element,
  specs: readonly AttributeSpec[],
): ReadonlyMap<string, AttributeValue> {
  const values = new Map<string, AttributeValue>();
  for (const attribute of attributesOf(element)) {
    if (LOCKS.test(attribute.name)) continue;
    const spec = specs.find(({ name }) => name.toLowerCase() === nameOf(attribute));
    if (spec === undefined) throw unknownAttribute(file, element, attribute, specs);
    values.set(spec.name, readValue(file, attribute, spec));
  }
  return values;
}

function readValue(file: XmlFile, attribute: Attr, spec: AttributeSpec): AttributeValue {
  const value = attribute.value;
  switch (spec.kind) {
    case "text":
      return value;
    case "number": {
      const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= spec.from && number <= spec.to) return number;
      throw invalidAt(
        file,
        attribute,
        `${spec.name}="${value}" is not a whole number from ${spec.from} to ${spec.to}`,
      );
    }
    case "boolean":
      if (/^true$/i.test(value)) return true;
      if (/^false$/i.test(value)) return false;
      throw invalidAt(file, attribute, `${spec.name}="${value}" is neither true nor false`);
    case "time": {
      const parts = TIME.exec(value);
      const [, days = "0", hours = "0", minutes = "0", seconds = "0"] = parts ?? [];
      const ms =
        Number(days) * DAY_MS + (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
      if (parts !== null && Number(hours) < 24 && ms <= spec.maxDays * DAY_MS) return ms;
      const range = `a time from 00:00:00 to ${spec.maxDays}.00:00:00`;
      throw invalidAt(file, attribute, `${spec.name}="${value}" is not ${range}`);
    }
    default:
      return spec satisfies never;
  }
}

function unknownAttribute(
  file: XmlFile,
  element: Element,
  attribute: Attr,
  specs: readonly AttributeSpec[],
): Error {
  const names = specs.map(({ name }) => name);
  const near = nearest(attribute.name, names);
  const meant = near === undefined ? "" : ` Did you mean ${near}?`;
  const hint = `IIS would answer 500.19.${meant} It takes ${names.join(", ")}.`;
  return invalidAt(
    file,
    attribute,
    `unrecognized attribute "${attribute.name}" of <${element.nodeName}>`,
    hint,
  );
}
