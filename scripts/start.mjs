/** `npm start`: makes the clone ready and starts the whole troupe on a private chain. Arguments go on to `supervisor start`. */
import { pathToFileURL } from "node:url";
import { ROOT } from "./process.mjs";
import { main, setup } from "./setup.mjs";

await main(async () => {
  await setup();
  // The supervisor runs in this very process: signals, the terminal and the exit code are its own, and there is no
  // parent whose death could leave it behind.
  const program = `${ROOT}dist/cli/supervisor.js`;
  process.argv.splice(1, 1, program, "start", "--sandbox");
  await import(pathToFileURL(program).href);
  return undefined;
});
