// Clients of HTTP/2, over TLS where the second argument says so. A session that was told to go away gets no further request,
// as RFC 9113 6.8 asks.
import { connect, type ClientHttp2Session } from "node:http2";
import { visit } from "./exchanges.ts";

const origin = `${process.argv[3] === "tls" ? "https" : "http"}://127.0.0.1:${process.argv[2]}`;
await visit(Array.from({ length: 6 }, () => ({ exchange: client() })));

function client(): () => Promise<string> {
  let session: ClientHttp2Session | undefined;
  return () =>
    new Promise((resolve, reject) => {
      if (session === undefined) {
        const own = connect(origin, { rejectUnauthorized: false });
        const gone = (): void => void (session === own && (session = undefined));
        own.on("error", reject).on("goaway", gone).on("close", gone);
        session = own;
      }
      const request = session.request({ ":path": "/" });
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => (body += text));
      request.on("error", reject).on("end", () => resolve(body));
      request.on("close", () => reject(new Error("closed without an answer")));
      request.end();
    });
}
