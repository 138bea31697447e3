/** `npm run simulate -- [args]`: random schedules of coinjoins with fake time and lying peers. */
import { ROOT, run } from "./process.mjs";
import { main, setup } from "./setup.mjs";

await main(async () => {
  await setup();
  const program = `${ROOT}dist/tests/simulation/simulate.js`;
  const { code } = await run(process.execPath, ["--enable-source-maps", program, ...process.argv.slice(2)]);
  return code;
});
