/** `supervisor start --detach`: starts it in the background, waits until it is ready or has failed, and tells. */
import { fork } from "node:child_process";
import { TroupeError } from "../../runtime/errors.ts";
import { EXIT } from "../errors.ts";
import { commandName, paintOf, retyped, say, sayJson, type Terminal } from "../terminal-io.ts";
import { StepsView } from "../view/steps-view.ts";
import { type DetachedNews, type StartOptions, summaryLines, titleOf } from "./start.ts";

/** `parameters`: what was typed, without `--detach`. */
export async function detach(
  options: StartOptions,
  terminal: Terminal,
  program: string,
  parameters: readonly string[],
): Promise<number> {
  const paint = paintOf(terminal);
  const steps = new StepsView(terminal.stdout, paint);
  const beganMs = performance.now();
  let isTitled = false;
  const child = fork(program, [...parameters, "--in-background"], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    execArgv: [],
    env: terminal.environment,
  });
  const { tree, wallets } = await new Promise<Extract<DetachedNews, { kind: "ready" }>>((resolve, reject) => {
    child.on("message", (message) => {
      const news = message as DetachedNews;
      if (news.kind === "ready") resolve(news);
      else if (news.kind === "failed") reject(TroupeError.fromWire(news.error));
      else if (!options.json) {
        if (!isTitled) say(terminal, titleOf(terminal, paint));
        isTitled = true;
        steps.show(news.step);
      }
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      reject(
        new TroupeError(
          { code: "CLI_DETACHED_FAILED", exitCode: code, signal },
          `The supervisor in the background ended (${signal ?? `exit code ${code}`}) before it was ready. See: supervisor logs supervisor${retyped(options)}`,
        ),
      );
    });
  });
  steps.close();
  child.removeAllListeners();
  child.unref();
  if (options.json) sayJson(terminal, tree);
  else {
    const stop = `${commandName(terminal)} stop${retyped(options)}`;
    const tookMs = performance.now() - beganMs;
    for (const line of summaryLines({ tree, tookMs, wallets, stop }, options, terminal)) say(terminal, line);
  }
  return EXIT.ok;
}
