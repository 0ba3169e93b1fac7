// Short calls over connections that carry many (client.ts), those with a stream of their own over HTTP. Knows no route.

import { join } from "node:path";
import { ANSWER_LIMITS } from "../answering.js";
import { connectionError, httpTransport, SOCKET_NAME, watchDoor } from "../http-transport.js";
import {
	type Call,
	type ExecStreams,
	endedEarly,
	errorIn,
	execReader,
	queryText,
	type Transport,
} from "../transport.js";
import { type Exchange, openCalls } from "./client.js";

const { connect } = process.getBuiltinModule("node:net");

export function callsTransport(stateDirectory: string, limits = ANSWER_LIMITS): Transport {
	const single = httpTransport(stateDirectory, limits);
	const calls = openCalls(
		() => connect(join(stateDirectory, SOCKET_NAME)),
		(onSilent) => watchDoor({ stateDirectory, limits }, onSilent),
	);
	const exchange: Exchange = (call, onPart) =>
		calls(call, onPart).catch((thrown: NodeJS.ErrnoException) => {
			throw connectionError(thrown, stateDirectory);
		});
	return {
		...single,
		json: (call) => (call.stream ? single.json(call) : answerOf(exchange, call)),
		// One that has input keeps its connection to itself: the answer may be over before the request is.
		exec: (call, streams) => (call.stream ? single.exec(call, streams) : runExec(exchange, call, streams)),
	};
}

function oneCall(call: Call) {
	const { method, path, signal, body } = call;
	return {
		method,
		path,
		query: queryText(call).slice(1),
		body: body === undefined ? "" : JSON.stringify(body),
		signal,
	};
}

async function answerOf<T>(exchange: Exchange, call: Call): Promise<T> {
	const parts: Uint8Array[] = [];
	let failed = false;
	await exchange(oneCall(call), (part, status) => {
		parts.push(part);
		failed = status >= 400;
	});
	const text = parts.length === 0 ? "{}" : Buffer.concat(parts).toString();
	if (failed) throw errorIn(text);
	return JSON.parse(text) as T;
}

async function runExec(exchange: Exchange, call: Call, streams: ExecStreams): Promise<number> {
	const take = execReader(streams);
	const refusal: Uint8Array[] = [];
	let exitCode: number | null = null;
	await exchange(oneCall(call), (part, status) => {
		if (status >= 400) refusal.push(part);
		else exitCode = take(part);
	});
	if (refusal.length > 0) throw errorIn(Buffer.concat(refusal).toString());
	if (exitCode === null) throw endedEarly();
	return exitCode;
}
