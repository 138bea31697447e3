/** A server of lines that does nothing but answer, in Node: what the system, the runtime and the asking client leave for others. */

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";

const ID = /"id":(\d+)/;

const server = createServer((socket) => {
  socket.setNoDelay(true);
  let rest = "";
  socket.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    let answers = "";
    for (const line of lines) answers += `{"jsonrpc":"2.0","result":null,"id":${ID.exec(line)?.[1]}}\n`;
    socket.write(answers, "latin1");
  });
  socket.on("error", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
