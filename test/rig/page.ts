import { get } from "node:http";

/** What a visitor sees at a path, on a connection of its own; "" where nobody answers. */
export function pageOf(port: number, path = "/"): Promise<string> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve(text)).on("error", () => resolve(""));
    });
    request.on("error", () => resolve(""));
  });
}
