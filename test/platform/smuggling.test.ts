import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { exchangeRaw, rawClient } from "./raw.js";
import { rawApplication } from "./raw-application.js";
import { serveSite } from "./site.js";

const HOST = "Host: site\r\n";

/** What two parsers could read differently: the handler answers and closes, and no byte of it reaches the application. */
const REFUSED: readonly (readonly [what: string, request: string, status: number])[] = [
  [
    "two Content-Length fields",
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd`,
    400,
  ],
  [
    "two equal Content-Length fields",
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd`,
    400,
  ],
  ["a list as Content-Length", `POST / HTTP/1.1\r\n${HOST}Content-Length: 4, 4\r\n\r\nabcd`, 400],
  ["a signed Content-Length", `POST / HTTP/1.1\r\n${HOST}Content-Length: +4\r\n\r\nabcd`, 400],
  ["a negative Content-Length", `POST / HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`, 400],
  ["a hexadecimal Content-Length", `POST / HTTP/1.1\r\n${HOST}Content-Length: 0x4\r\n\r\nabcd`, 400],
  ["an empty Content-Length", `POST / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\n`, 400],
  [
    "a Content-Length past counting",
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 99999999999999999999\r\n\r\n`,
    400,
  ],
  [
    "both Content-Length and Transfer-Encoding",
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    "both, the other way round",
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    "two Transfer-Encoding fields",
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  [
    "identity before chunked",
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`,
    501,
  ],
  ["chunked twice", `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 501],
  ["chunked not last", `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`, 501],
  ["xchunked", `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
  ["quoted chunked", `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`, 501],
  [
    "a vertical tab around chunked",
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ["NBSP behind chunked", `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n`, 501],
  ["NBSP before chunked", `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: \xa0chunked\r\n\r\n0\r\n\r\n`, 501],
  ["NBSP behind a Content-Length", `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\xa0\r\n\r\nabcd`, 400],
  ["NBSP before a Content-Length", `POST / HTTP/1.1\r\n${HOST}Content-Length:\xa04\r\n\r\nabcd`, 400],
  ["NBSP in Connection", `GET / HTTP/1.1\r\n${HOST}Connection: close\xa0\r\n\r\n`, 400],
  ["no token in Connection", `GET / HTTP/1.1\r\n${HOST}Connection: "close"\r\n\r\n`, 400],
  ["NBSP in Upgrade", `GET / HTTP/1.1\r\n${HOST}Connection: upgrade\r\nUpgrade: \xa0h2c\r\n\r\n`, 400],
  ["NBSP around a Host", `GET / HTTP/1.1\r\nHost: site\xa0\r\n\r\n`, 400],
  ["a blank before the colon", `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400],
  ["a tab before the colon", `POST / HTTP/1.1\r\n${HOST}Content-Length\t: 4\r\n\r\nabcd`, 400],
  ["obs-fold", `POST / HTTP/1.1\r\n${HOST}X-A: b\r\n Content-Length: 4\r\n\r\nabcd`, 400],
  [
    "obs-fold of the coding",
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ["a blank before the first field", `GET / HTTP/1.1\r\n X: y\r\n${HOST}\r\n`, 400],
  ["bare LF after the request line", `GET / HTTP/1.1\n${HOST}\r\n`, 400],
  ["bare LF between fields", `GET / HTTP/1.1\r\nHost: site\nX-A: b\r\n\r\n`, 400],
  ["bare LF at the end", `GET / HTTP/1.1\r\n${HOST}\n`, 400],
  ["bare CR in a value", `GET / HTTP/1.1\r\n${HOST}X-A: b\rContent-Length: 4\r\n\r\n`, 400],
  ["NUL in a value", `GET / HTTP/1.1\r\n${HOST}X-A: b\x00c\r\n\r\n`, 400],
  ["NUL in a name", `GET / HTTP/1.1\r\n${HOST}X\x00A: b\r\n\r\n`, 400],
  ["a line without colon", `GET / HTTP/1.1\r\n${HOST}X-A\r\n\r\n`, 400],
  ["an empty name", `GET / HTTP/1.1\r\n${HOST}: b\r\n\r\n`, 400],
  [
    "Transfer-Encoding in HTTP/1.0",
    `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["two Hosts", `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400],
  ["a Host with a path", "GET / HTTP/1.1\r\nHost: site/x\r\n\r\n", 400],
  ["a Host with a user", "GET / HTTP/1.1\r\nHost: a@site\r\n\r\n", 400],
  ["a Host with a comma list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400],
  ["a user in an absolute target", `GET http://a@b/ HTTP/1.1\r\n${HOST}\r\n`, 400],
  ["a blank in the target", `GET /a b HTTP/1.1\r\n${HOST}\r\n`, 400],
  ["a tab as separator", `GET\t/ HTTP/1.1\r\n${HOST}\r\n`, 400],
  ["a control character in the target", `GET /\x01 HTTP/1.1\r\n${HOST}\r\n`, 400],
  ["a relative target", `GET x HTTP/1.1\r\n${HOST}\r\n`, 400],
  ["a star for GET", `GET * HTTP/1.1\r\n${HOST}\r\n`, 400],
  ["CONNECT", `CONNECT site:443 HTTP/1.1\r\n${HOST}\r\n`, 405],
  ["HTTP/2 in plain text", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, 505],
  ["HTTP/1.2", `GET / HTTP/1.2\r\n${HOST}\r\n`, 505],
  ["HTTP/0.9", "GET /\r\n\r\n", 400],
  ["lower case http", `GET / http/1.1\r\n${HOST}\r\n`, 400],
  ["too many fields", `GET / HTTP/1.1\r\n${HOST}${"X: y\r\n".repeat(101)}\r\n`, 431],
  ["too large a head", `GET / HTTP/1.1\r\n${HOST}X: ${"y".repeat(20_000)}\r\n\r\n`, 431],
  ["a head without end", `GET / HTTP/1.1\r\n${HOST}X: ${"y".repeat(20_000)}`, 431],
];

/** Heads that are sound and bodies that are not: the application's connection is cut, so it never sees a whole request. */
const BROKEN_BODIES: readonly (readonly [what: string, body: string])[] = [
  ["a size that is no number", "zz\r\nabc\r\n0\r\n\r\n"],
  ["a signed size", "+3\r\nabc\r\n0\r\n\r\n"],
  ["a prefixed size", "0x3\r\nabc\r\n0\r\n\r\n"],
  ["a blank before the size", " 3\r\nabc\r\n0\r\n\r\n"],
  ["a size past counting", "fffffffffffffffff\r\nabc"],
  ["bare LF after the size", "3\nabc\r\n0\r\n\r\n"],
  ["bare CR after the size", "3\rabc\r\n0\r\n\r\n"],
  ["data longer than its size", "3\r\nabcd\r\n0\r\n\r\n"],
  ["a control character in an extension", "3;a=\x01\r\nabc\r\n0\r\n\r\n"],
  ["an extension without end", `3;${"a".repeat(2000)}`],
  ["a trailer that is no field", "0\r\nx\r\n\r\n"],
  ["a folded trailer", "0\r\nX: y\r\n z\r\n\r\n"],
  ["bare LF in the trailers", "0\r\nX: y\n\r\n"],
];

test("what two parsers could read differently is refused, and nothing of it reaches the application", async (t) => {
  const reached: string[] = [];
  const { port } = await rawApplication(t, (text) => void reached.push(text));
  for (const [what, request, status] of REFUSED) {
    const response = await exchangeRaw(t, port, request);
    match(response, new RegExp(`^HTTP/1\\.1 ${status} `), what);
    match(response, /\r\nConnection: close\r\n/i, what);
    equal(response.match(/^HTTP\/1\.1 /gm)?.length, 1, `${what}: one answer`);
  }
  deepEqual(reached, []);
});

test("a malformed chunked body is refused, and the application sees no whole request", async (t) => {
  const { port } = await rawApplication(t, () => undefined);
  for (const [what, body] of BROKEN_BODIES) {
    const response = await exchangeRaw(
      t,
      port,
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${body}`,
    );
    match(response, /^HTTP\/1\.1 400 /, what);
  }
});

test("what frames a message is written anew, so that everybody behind reads the same", async (t) => {
  const reached: string[] = [];
  const { port } = await rawApplication(t, (text, answer) => {
    reached.push(text);
    answer("HTTP/1.1 200 OK\r\ncontent-length: \t0002 \r\n\r\nok");
  });
  const post = (field: string, body: string): Promise<string> =>
    exchangeRaw(t, port, `POST / HTTP/1.1\r\n${HOST}${field}\r\nConnection: close\r\n\r\n${body}`);
  match(await post("content-LENGTH:\t 0004 ", "abcd"), /\r\nContent-Length: 2\r\n[\s\S]*ok$/);
  await post("transfer-encoding: \tCHUNKED", "0\r\n\r\n");
  await post("Content-Length: 000", "");
  await post("content_length: 7\r\nTransfer_Encoding: chunked", "");
  const framing = reached.map((text) => text.match(/^(?:content|transfer)[^\r]*/gim)?.join("|") ?? "");
  deepEqual(framing, ["Content-Length: 4", "Transfer-Encoding: chunked", "Content-Length: 0", ""]);
});

test("no way of writing an upgrade to HTTP/2 passes, nor one that is no list of protocols", async (t) => {
  const reached: string[] = [];
  const { port } = await rawApplication(t, (text, answer) => {
    reached.push(/^upgrade:[^\r]*/im.exec(text)?.[0] ?? "none");
    answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  for (const protocols of ['"h2c"', "h2c/1", "H2C", "websocket, h2c/2.0", "websocket,", "a b", "websocket"]) {
    const client = rawClient(t, port);
    client.send(
      `GET / HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocols}\r\n\r\n`,
    );
    await client.sees(/200 OK/);
    client.socket.destroy();
  }
  deepEqual(reached, [...Array<string>(6).fill("none"), "Upgrade: websocket"]);
});

test("of the trailers only those that may be trailers are passed on, in both directions", async (t) => {
  const sent =
    "3\r\nabc\r\n0\r\nX-Sum: 1\r\nMS-ASPNETCORE-TOKEN: x\r\nContent-Length: 9\r\nAuthorization: x\r\nX_Forwarded_For: x\r\nX-Last: 2\r\n\r\n";
  const left = "3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Last: 2\r\n\r\n";
  const reached: string[] = [];
  const { port } = await rawApplication(t, (text, answer) => {
    reached.push(text);
    if (reached.join("").endsWith(left))
      answer(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${sent}`);
  });
  const head = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`;
  const whole = await exchangeRaw(t, port, `${head}${sent}`);
  equal(whole.slice(whole.indexOf("\r\n\r\n") + 4), left);
  // In pieces of one byte nothing is passed on before it is clear what it is.
  const client = rawClient(t, port);
  client.socket.setNoDelay(true);
  for (const byte of `${head}${sent}`)
    await new Promise((written) => client.socket.write(byte, "latin1", written));
  const slow = await client.ends();
  equal(slow.slice(slow.indexOf("\r\n\r\n") + 4), left);
});

test("a request hidden in a body stays a body", async (t) => {
  const site = await serveSite(t);
  const hidden = `GET /crash HTTP/1.1\r\n${HOST}\r\n`;
  const client = rawClient(t, site.handler.port);
  client.send(`POST /one HTTP/1.1\r\n${HOST}Content-Length: ${hidden.length}\r\n\r\n${hidden}`);
  client.send(
    `POST /two HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
  );
  client.send(`GET /three HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  const received = await client.ends();
  equal(received.match(/HTTP\/1\.1 200 OK/g)?.length, 3);
  equal(received.split(hidden).length, 3);
  equal(site.count("backend-exited"), 0);
});

test("an application that answers ambiguously is answered for with 502.3, which names the field", async (t) => {
  const answers: readonly (readonly [answer: string, why: string])[] = [
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
      "Content-Length comes with several",
    ],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "Content-Length and Transfer-Encoding come together",
    ],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding is another than chunked"],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked, identity\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding is another than chunked",
    ],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "Transfer-Encoding comes twice",
    ],
    ["HTTP/1.1 200 OK\r\nContent-Length: 3\xa0\r\n\r\nabc", "Content-Length is no number"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n", "Transfer-Encoding is another"],
    ["HTTP/1.1 200 OK\r\nConnection: close\xa0\r\nContent-Length: 3\r\n\r\nabc", "Connection is no list"],
    ["HTTP/1.1 200 OK\r\nX: a\n\r\n\r\n", "a line of its head is no field"],
    ["HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "a line of its head is no field"],
    ["HTTP/1.1 20 OK\r\n\r\n", "its first line is no status line"],
    ["not http at all\r\n\r\n", "its first line is no status line"],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
      "no valid HTTP response",
    ],
    [
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      "no valid HTTP response",
    ],
  ];
  let next = "";
  const { port } = await rawApplication(t, (_text, answer) => answer(next));
  for (const [answer, why] of answers) {
    next = answer;
    const response = await exchangeRaw(t, port, `GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
    match(response, /^HTTP\/1\.1 502 [\s\S]*502\.3/, answer);
    ok(response.includes(why), response);
    equal(response.includes("evil"), false);
  }
});
