/** Certificates for one test: an authority, a server of two addresses, a client; made with openssl, gone with their directory. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificates {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

export function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    // Not installed.
    return false;
  }
}

export function makeCertificates(directory: string, serverAddresses: readonly string[]): Certificates {
  const at = (name: string) => join(directory, name);
  const openssl = (...parameters: string[]) =>
    execFileSync("openssl", parameters, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...curve,
    "-days",
    "1",
    "-subj",
    "/CN=test authority",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  );
  const sign = (name: string, extensions: string) => {
    writeFileSync(at(`${name}.ext`), extensions);
    openssl("req", ...curve, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    openssl(
      ...["x509", "-req", "-days", "1", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-extfile", `${name}.ext`, "-out", `${name}.pem`],
    );
  };
  const names = serverAddresses.map((address) => `IP:${address}`).join(",");
  sign("server", `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
  sign("client", "extendedKeyUsage=clientAuth\n");
  return {
    ca: at("ca.pem"),
    serverCert: at("server.pem"),
    serverKey: at("server.key"),
    clientCert: at("client.pem"),
    clientKey: at("client.key"),
  };
}
