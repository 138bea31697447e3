import { X509Certificate } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/clock.ts";
import { OpenedDoors } from "../../../tests/harness/electrum/opened-doors.ts";
import { type KeyAndCertificate, selfSigned } from "../tls/certificate.ts";

const opened = new OpenedDoors();
afterEach(() => opened.close());

function made(serial: number): KeyAndCertificate {
  return selfSigned({ names: ["localhost"], nowMs: Date.now(), serial: Buffer.alloc(16, serial) });
}

/** What whoever connects now is shown. */
async function shownAt(port: number): Promise<string | undefined> {
  const socket: TLSSocket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

it.each(["tls", "wss"] as const)(
  "a renewed certificate is shown over %s without a restart, and nobody is cut; half a renewal changes nothing",
  async (carrier) => {
    const directory = mkdtempSync(join(tmpdir(), "troupe-renewal-"));
    opened.keep({ close: () => rmSync(directory, { recursive: true }) });
    const files = { key: join(directory, "key.pem"), certificate: join(directory, "cert.pem") };
    const write = (which: keyof typeof files, text: string) => {
      writeFileSync(`${files[which]}.new`, text, { mode: 0o600 });
      renameSync(`${files[which]}.new`, files[which]);
    };
    const [first, second] = [made(1), made(2)];
    const printOf = ({ certificate }: KeyAndCertificate) => new X509Certificate(certificate).fingerprint256;
    write("key", first.key);
    write("certificate", first.certificate);
    const clock = new ManualClock(Date.now());
    const under = await opened.doorWith({
      carriers: [carrier],
      clock,
      config: { electrum_tls_certificate: files.certificate, electrum_tls_key: files.key },
    });
    const { port } = under.target(carrier);
    const inside = await opened.clientOf(under);
    expect(await shownAt(port)).toBe(printOf(first));

    for (const half of [() => write("certificate", second.certificate), () => rmSync(files.certificate)]) {
      half();
      clock.advance(11_000);
      expect(await shownAt(port)).toBe(printOf(first));
    }
    write("key", second.key);
    write("certificate", second.certificate);
    clock.advance(11_000);
    expect(await shownAt(port)).toBe(printOf(second));
    expect(await inside.call("server.ping")).toBeNull();
  },
);
