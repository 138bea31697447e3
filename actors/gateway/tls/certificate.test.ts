import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { selfSigned } from "./certificate.ts";
import { tlsIdentity } from "./tls-identity.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const names = ["wallet.example", "localhost", "192.0.2.7", "::1", "2001:db8::ff:0:1"];
const made = (first = 0x00) =>
  selfSigned({
    names,
    nowMs: NOW_MS,
    serial: Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? first : at)),
  });

describe("a certificate of our own", () => {
  it("is signed by its own key, for its names, for a server, for long", () => {
    const { key, certificate } = made();
    const read = new X509Certificate(certificate);

    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(read.checkHost("wallet.example")).toBe("wallet.example");
    expect(read.checkHost("other.example")).toBeUndefined();
    for (const address of ["192.0.2.7", "::1", "2001:db8::ff:0:1"])
      expect(read.checkIP(address)).toBe(address);
    expect(read.checkIP("192.0.2.8")).toBeUndefined();
    expect(read.subject).toBe("CN=wallet.example");
    expect(read.ca).toBe(false);
    expect(read.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(Date.parse(read.validFrom)).toBe(NOW_MS - 2 * 86_400_000);
    expect(Date.parse(read.validTo)).toBeGreaterThan(Date.UTC(2045, 0, 1));
  });

  it.each([0x00, 0x3f, 0x40, 0x80, 0xff])(
    "has a positive serial number of 16 bytes, also after %i",
    (first) => {
      expect(new X509Certificate(made(first).certificate).serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    },
  );

  it("is believed by a TLS 1.3 client that has it as authority", async () => {
    const { key, certificate } = made();
    const server = createServer({ key, cert: certificate }, (socket) => socket.end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };

    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, ca: certificate, servername: "wallet.example" });
      socket.once("error", reject);
      socket.once("data", (data) => resolve(`${data} ${socket.getProtocol()} ${socket.authorized}`));
    });

    expect(text).toBe("hello TLSv1.3 true");
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("the identity of the TLS doors", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "troupe-tls-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const identity = (given: { certificateFile?: string; keyFile?: string }) =>
    tlsIdentity({
      door: "electrum",
      certificateFile: undefined,
      keyFile: undefined,
      ...given,
      directory,
      names,
      nowMs: NOW_MS,
    });
  const write = (name: string, text: string, mode = 0o600) => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode });
    return path;
  };

  it("is the operator's where there is one", () => {
    const { key, certificate } = made();
    const given = { certificateFile: write("c.pem", certificate, 0o644), keyFile: write("k.pem", key) };

    expect(identity(given).certificate).toBe(certificate);
  });

  it("is refused when half of it is missing, when it does not fit together, or when others can read the key", () => {
    const { key, certificate } = made();
    const certificateFile = write("c.pem", certificate);

    expect(() => identity({ certificateFile })).toThrow(
      expect.objectContaining({ code: "GATEWAY_TLS_UNUSABLE" }),
    );
    expect(() => identity({ certificateFile, keyFile: write("k1.pem", made().key) })).toThrow(
      expect.objectContaining({ code: "GATEWAY_TLS_UNUSABLE" }),
    );
    expect(() => identity({ certificateFile: write("c2.pem", "x"), keyFile: write("k2.pem", key) })).toThrow(
      expect.objectContaining({ code: "GATEWAY_TLS_UNUSABLE" }),
    );
    expect(() => identity({ certificateFile, keyFile: write("k3.pem", key, 0o644) })).toThrow(
      expect.objectContaining({ code: "RUNTIME_SECRET_EXPOSED" }),
    );
  });

  it("is made again when only half of it was written", () => {
    const first = identity({});
    rmSync(join(directory, "electrum-tls.crt"));
    const second = identity({});

    expect(second.certificate).not.toBe(first.certificate);
    expect(identity({})).toEqual({ key: second.key.trimEnd(), certificate: second.certificate });
  });
});
