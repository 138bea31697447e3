/** profanity, a chat client for terminals, in a terminal of tmux: what is typed there, and what stands on its screen. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { waitFor } from "../wait-for.ts";
import { type Prosody, XMPP_DOMAIN } from "./prosody.ts";

const run = promisify(execFile);

export class Profanity {
  readonly #home = mkdtempSync(join(tmpdir(), "troupe-profanity-"));
  readonly #tmux: string;
  readonly #socket = join(this.#home, "tmux");

  private constructor(tmux: string) {
    this.#tmux = tmux;
  }

  /** Until the person is online. */
  static async start(program: string, tmux: string, prosody: Prosody, name: string): Promise<Profanity> {
    const profanity = new Profanity(tmux);
    await profanity.#do(
      ...["new-session", "-d", "-x", "160", "-y", "50"],
      `HOME=${profanity.#home} XDG_CONFIG_HOME= XDG_DATA_HOME= TERM=screen LANG=C.UTF-8 ${program}`,
    );
    await profanity.shows("Profanity");
    await profanity.type(
      `/connect ${name}@${XMPP_DOMAIN}/profanity server 127.0.0.1 port ${prosody.clientPort} tls disable`,
    );
    await profanity.shows("password");
    await profanity.type(`pw-${name}`);
    await profanity.shows("logged in successfully");
    return profanity;
  }

  async type(text: string): Promise<void> {
    await this.#do("send-keys", "-l", text);
    await this.#do("send-keys", "Enter");
  }

  /** Until those words stand on the screen. */
  async shows(words: string): Promise<void> {
    try {
      await waitFor(words, async () => (await this.screen()).includes(words));
    } catch (error) {
      throw new Error(`${words} is not on the screen:\n${await this.screen()}`, { cause: error });
    }
  }

  async screen(): Promise<string> {
    return (await this.#do("capture-pane", "-p")).stdout;
  }

  async stop(): Promise<void> {
    await this.#do("kill-server").catch(() => undefined);
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }

  #do(...words: string[]) {
    return run(this.#tmux, ["-S", this.#socket, ...words]);
  }
}
