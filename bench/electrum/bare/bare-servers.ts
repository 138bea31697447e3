/** The limit of what can be measured: servers that know nothing and answer every line, in Node as ours is, and in Python as ElectrumX is. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { ProcessTree } from "../../sync/process-tree.ts";
import type { Server } from "../contest.ts";

/** With the event loop that ElectrumX is run with, where it is installed. */
const PYTHON = `
import asyncio, re
try:
    import uvloop
    uvloop.install()
except ImportError:
    pass
ID = re.compile(rb'"id":(\\d+)')
class Bare(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.rest = transport, b''
    def data_received(self, data):
        lines = (self.rest + data).split(b'\\n')
        self.rest = lines.pop()
        self.transport.write(b''.join(
            b'{"jsonrpc":"2.0","result":null,"id":' + ID.search(line).group(1) + b'}\\n' for line in lines))
async def main():
    server = await asyncio.get_running_loop().create_server(Bare, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
`;

export class BareServers {
  readonly servers: readonly Server[];
  readonly #children: readonly ChildProcess[];

  private constructor(servers: readonly Server[], children: readonly ChildProcess[]) {
    this.servers = servers;
    this.#children = children;
  }

  /** Where there is no Python, of Node alone. */
  static async start(): Promise<BareServers> {
    const commands = {
      "bare-node": [process.execPath, fileURLToPath(new URL("bare-node.js", import.meta.url))],
      "bare-python": ["python3", "-O", "-c", PYTHON],
    };
    const servers: Server[] = [];
    const children: ChildProcess[] = [];
    for (const [name, [program = "", ...args]] of Object.entries(commands)) {
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
      const port = await portOf(child);
      if (port === undefined) continue;
      children.push(child);
      servers.push({ name, host: "127.0.0.1", port, tree: new ProcessTree(child.pid as number) });
    }
    return new BareServers(servers, children);
  }

  close(): void {
    for (const child of this.#children) child.kill();
  }
}

/** Undefined where the program is not there, or ends. */
async function portOf(child: ChildProcess): Promise<number | undefined> {
  const ended = new Promise<undefined>((resolve) => {
    child.once("error", () => resolve(undefined));
    child.once("exit", () => resolve(undefined));
  });
  const lines = createInterface(child.stdout as NodeJS.ReadableStream);
  const line = await Promise.race([once(lines, "line") as Promise<[string]>, ended]);
  return line === undefined ? undefined : Number(line[0]);
}
