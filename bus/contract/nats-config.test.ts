/** Tests of the configuration written for a real nats-server. */
import { describe, expect, it } from "vitest";
import { findNatsServer, NatsServer } from "../../tests/harness/nats-server.ts";
import { Nkey } from "../carrier/nkey.ts";
import type { BusUser } from "../carrier/transport.ts";
import { renderNatsConfig } from "./nats-config.ts";

const maker: BusUser = {
  name: "maker",
  publicKey: "UAJ4XEPNGVHKDCSZWX3CGJ3PDFNX7MNQUKDMWRK5KSAFBCKCXNLWQ6X7",
  permissions: {
    publish: { allow: ["troupe.v1.evt.maker.>"], deny: ["troupe.v1.evt.maker.x.secret"] },
    subscribe: { allow: [], deny: [] },
    allowResponses: 1,
  },
};

describe("renderNatsConfig", () => {
  it("writes users, rights and limits, and denies everything where nothing is allowed", () => {
    expect(renderNatsConfig({ listen: "127.0.0.1:4222", users: [maker], maxPayloadBytes: 1048576 })).toBe(
      `listen: "127.0.0.1:4222"
max_payload: 1048576
max_pending: 16777216
max_control_line: 4096
write_deadline: "10s"
ping_interval: "120s"
ping_max: 2
authorization {
  users: [
    # maker
    {
      nkey: "UAJ4XEPNGVHKDCSZWX3CGJ3PDFNX7MNQUKDMWRK5KSAFBCKCXNLWQ6X7"
      permissions: {
        publish: { allow: ["troupe.v1.evt.maker.>"], deny: ["troupe.v1.evt.maker.x.secret"] }
        subscribe: { deny: [">"] }
        allow_responses: { max: 1, expires: "2m" }
      }
    }
  ]
}
`,
    );
  });

  it("writes TLS with client certificates, and JetStream, when asked for", () => {
    const text = renderNatsConfig({
      listen: "0.0.0.0:4222",
      users: [maker],
      maxPayloadBytes: 1,
      jetstreamDirectory: "/var/lib/troupe/jetstream",
      tls: { certFile: "/etc/cert.pem", keyFile: "/etc/key.pem", caFile: "/etc/ca.pem" },
    });

    expect(text).toContain('jetstream {\n  store_dir: "/var/lib/troupe/jetstream"\n}\n');
    expect(text).toContain(
      'tls {\n  cert_file: "/etc/cert.pem"\n  key_file: "/etc/key.pem"\n  ca_file: "/etc/ca.pem"\n  verify: true\n}\n',
    );
  });

  it.skipIf(findNatsServer() === undefined)(
    "is taken by a real nats-server, JetStream included",
    async () => {
      const user = { ...maker, publicKey: Nkey.create().publicKey };

      const server = await NatsServer.start({ users: [user], jetstream: true });
      await server.stop();

      expect(server.port).toBeGreaterThan(0);
    },
  );
});
