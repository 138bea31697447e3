/** The embedded broker in a thread of its own, for the bus benchmark: placed as the supervisor places it. */
import { parentPort, workerData } from "node:worker_threads";
import { Broker, type BrokerOptions } from "../../bus/broker/broker.ts";

const broker = await Broker.listen(workerData as BrokerOptions);
parentPort?.on("message", () => void broker.close().then(() => parentPort?.close()));
parentPort?.postMessage(broker.address);
