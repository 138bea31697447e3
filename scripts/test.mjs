/** `npm test [-- <filter>]`: makes the clone ready, gets the servers that tests talk to, runs every test, ends with the counts. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ROOT, runTool, say } from "./process.mjs";
import { SetupError, setup } from "./setup.mjs";

/** Real programs that end-to-end tests run against: ours must agree with them, not with our idea of them. */
const PEERS = [
  { program: "nats-server", debianPackage: "nats-server", neededBy: "the bus on a real NATS server" },
  { program: "tor", debianPackage: "tor", neededBy: "the onion service of the Electrum door" },
  { program: "ip", debianPackage: "iproute2", neededBy: "hosts of their own" },
  { program: "microsocks", debianPackage: "microsocks", neededBy: "Electrum peers through a SOCKS proxy" },
  { program: "ngircd", debianPackage: "ngircd", neededBy: "the market on IRC" },
  { program: "electrum", debianPackage: "electrum", neededBy: "the Electrum wallet on the sandbox" },
  { program: "prosody", debianPackage: "prosody", neededBy: "the XMPP door on a real XMPP server" },
  {
    program: "slixmpp",
    file: "/usr/lib/python3/dist-packages/slixmpp",
    debianPackage: "python3-slixmpp",
    neededBy: "an XMPP client of others at the XMPP door",
  },
  {
    program: "mod_privilege",
    file: "/usr/lib/prosody/modules/mod_privilege",
    debianPackage: "prosody-modules",
    neededBy: "contacts that an XMPP server takes into its lists",
  },
  { program: "profanity", debianPackage: "profanity", neededBy: "a chat client in a terminal" },
  { program: "tmux", debianPackage: "tmux", neededBy: "a terminal for profanity" },
  { program: "chromium", debianPackage: "chromium", neededBy: "wallets in a browser" },
];

/** Debian puts servers here, and a user's path often leaves it out. */
const SYSTEM_PATHS = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

const isCi = process.env.CI !== undefined && process.env.CI !== "" && process.env.CI !== "false";

function findProgram(program) {
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...SYSTEM_PATHS];
  return directories.some((directory) => directory !== "" && existsSync(join(directory, program)));
}

/** A module of Debian's Python is a file, and no program. */
const missingPeers = () =>
  PEERS.filter(({ program, file }) => !(file === undefined ? findProgram(program) : existsSync(file)));

/** Root on Debian gets them by apt; everyone else is told. `TROUPE_NO_APT=1` leaves the system alone. */
function fetchPeers() {
  let missing = missingPeers();
  if (missing.length === 0) return;
  const mayInstall = process.getuid?.() === 0 && findProgram("apt-get") && process.env.TROUPE_NO_APT !== "1";
  if (mayInstall) {
    const packages = missing.map(({ debianPackage }) => debianPackage);
    say(`test: installing ${packages.join(", ")} with apt-get`);
    const apt = (...args) =>
      spawnSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=120", ...args], {
        stdio: ["ignore", 2, 2],
        timeout: 300_000,
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      }).status === 0;
    const install = () => apt("install", "-y", "--no-install-recommends", ...packages);
    if (!install() && apt("update")) install();
    missing = missingPeers();
  }
  for (const { program, debianPackage, neededBy } of missing) {
    const effect = isCi ? "its tests will fail" : "its tests are skipped";
    say(`test: ${program} (Debian package ${debianPackage}) is missing, needed by ${neededBy}: ${effect}`);
  }
}

/** Runs vitest and reads what it counted; a run that died before it could count is one failure. */
async function runTests(args) {
  const directory = mkdtempSync(join(tmpdir(), "troupe-test-"));
  const countsFile = join(directory, "counts.json");
  try {
    const reporters = ["--reporter=default", `--reporter=${ROOT}scripts/count-reporter.mjs`];
    const { code, signal } = await runTool("vitest/vitest.mjs", ["run", ...reporters, ...args], {
      env: { ...process.env, TROUPE_TEST_COUNTS: countsFile },
    });
    const counts = existsSync(countsFile)
      ? JSON.parse(readFileSync(countsFile, "utf8"))
      : { passed: 0, failed: 0, skipped: 0 };
    if (counts.failed > 0 || code === 0) return counts;
    say(`test: vitest ended with ${signal ?? `code ${code}`} although no test failed`);
    return { ...counts, failed: 1 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function countTests() {
  try {
    await setup();
    fetchPeers();
    return await runTests(process.argv.slice(2));
  } catch (error) {
    say(error instanceof SetupError ? `\n${error.message}` : String(error?.stack ?? error));
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const { passed, failed, skipped } = await countTests();
process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
process.exitCode = failed > 0 ? 1 : 0;
