import type { Has, Proposal } from "./proposal.ts";

/** A folder of pages that need no build. */
export function staticPages(has: Has): Proposal | undefined {
  const page = has(
    "index.html",
    "public/index.html",
    "dist/index.html",
    "site/index.html",
    "www/index.html",
    "docs/index.html",
  );
  if (page === undefined) return undefined;
  const directory = page.includes("/") ? (page.split("/")[0] ?? ".") : ".";
  return {
    build: { builder: "directory", directory, static: "pages" },
    reasons: [`${page}: pages that are files, with a small server for them`],
  };
}
