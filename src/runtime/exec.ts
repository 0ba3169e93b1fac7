// A further process inside a running container, started by the server of exec (exec-server.ts), with its streams as pipes or as a
// terminal to this process. Must never wait for the command by itself.

import { Socket } from "node:net";
import { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import type { Clock } from "../clock.js";
import { SwarmError } from "../errors.js";
import type { ExecForm } from "../native/native.js";
import type { Container } from "./container.js";
import { ExecOutputs } from "./exec-output.js";
import type { ExecServer, ServedCommand } from "./exec-server.js";
import type { ExecRequest, ExecSession } from "./runtime.js";

/** As timeout(1) says it. */
const TIMED_OUT = 124;

/** Throws `conflict` unless the container runs, `usage` without a command. */
export function execIn(container: Container, request: ExecRequest, server: ExecServer, clock: Clock): ExecSession {
	const { pid, phase } = container.state;
	if (phase !== "running" || pid === null)
		throw new SwarmError("conflict", `Cannot exec in ${container.id}: it is ${phase}, wanted running`, {
			details: { container: container.id, phase },
		});
	const form = execForm(request);
	const isNextExpected =
		mayStandBy(container, request, form) && server.isBurst(container.directory.path, clock.monotonicMs());
	const command = server.start(execArguments(container.directory.path, pid, request, isNextExpected), form);
	const timed = limited(command, request.timeoutMs, clock);
	const common = { kill: command.kill, resize: command.resize };
	switch (form) {
		case "detached":
			return { ...common, ...detached(command), whole: neverWhole };
		case "terminal":
			return { ...common, ...terminalStreams(command, request.stdin), exit: timed, whole: neverWhole };
		default:
			return piped(command, timed, clock);
	}
}

const neverWhole = Promise.resolve(null);

/** A process that waits for the next command counts towards the container's limit: where there is one, none waits. */
function mayStandBy({ request: { spec } }: Container, { user, workdir }: ExecRequest, form: ExecForm): boolean {
	return (form === "outputs" || form === "input") && user === null && workdir === null && spec.resources.pids === null;
}

/** Pure: the words of a request as native/README.md has them. */
export function execArguments(
	directory: string,
	pid: number,
	request: ExecRequest,
	isNextExpected: boolean,
): readonly string[] {
	if (request.command.length === 0)
		throw new SwarmError("usage", "Cannot exec: the command is empty, wanted a program");
	const { terminal } = request;
	return [
		directory,
		"--pid",
		String(pid),
		...(request.user === null ? [] : ["--user", request.user]),
		...(request.workdir === null ? [] : ["--workdir", request.workdir]),
		...(terminal === null ? [] : ["--terminal", `${terminal.rows}x${terminal.columns}`]),
		...(isNextExpected ? ["--next", "yes"] : []),
		...Object.entries(request.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
		"--",
		...request.command,
	];
}

function execForm({ detach, terminal, stdin, timeoutMs }: ExecRequest): Exclude<ExecForm, "nothing"> {
	if (detach && (terminal !== null || stdin || timeoutMs !== null))
		throw new SwarmError("usage", "Cannot exec: detached, it takes no terminal, no input and no timeout");
	if (detach) return "detached";
	if (terminal !== null) return "terminal";
	return stdin ? "input" : "outputs";
}

function limited(command: ServedCommand, timeoutMs: number | null, clock: Clock): Promise<number> {
	if (timeoutMs === null) return command.exit;
	let timedOut = false;
	const cancel = clock.after(timeoutMs, () => {
		timedOut = true;
		command.kill();
	});
	const exit = command.exit.finally(cancel).then((exitCode) => (timedOut ? TIMED_OUT : exitCode));
	exit.catch(() => {});
	return exit;
}

function piped({ kill, resize, streams }: ServedCommand, exit: Promise<number>, clock: Clock): ExecSession {
	const [stdout = -1, stderr = -1, stdin = null] = streams;
	const outputs = new ExecOutputs(stdout, stderr, exit, clock);
	return {
		...{ kill, resize, exit, whole: outputs.whole },
		stdin: stdin === null ? nowhere() : inputOf(stdin),
		get stdout() {
			return outputs.stdout;
		},
		get stderr() {
			return outputs.stderr;
		},
	};
}

/** Its end closes the pipe, which a socket alone would only shut down. */
function inputOf(fd: number): Writable {
	const pipe = new Socket({ fd, readable: false, writable: true });
	const input = new Writable({
		write: (chunk, _encoding, done) => void pipe.write(chunk, done),
		final: (done) => {
			pipe.destroy();
			done();
		},
		destroy: (error, done) => {
			pipe.destroy();
			done(error);
		},
	});
	// The command closed its input: no error, and no reason for a crash.
	pipe.on("error", () => input.destroy());
	input.on("error", () => {});
	return input;
}

function terminalStreams(
	command: ServedCommand,
	takesInput: boolean,
): Pick<ExecSession, "stdin" | "stdout" | "stderr"> {
	const fd = command.streams[0] ?? -1;
	const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
	socket.on("error", () => {});
	// It says nothing of the command's end otherwise: the terminal hangs up.
	socket.on("end", () => socket.destroy());
	return { stdin: takesInput ? socket : nowhere(), stdout: socket, stderr: Readable.from([]) };
}

/** The pipe says why the command was not executed; silent, it was. */
function detached(command: ServedCommand): Pick<ExecSession, "stdin" | "stdout" | "stderr" | "exit"> {
	const complaint = text(new Socket({ fd: command.streams[0] ?? -1, readable: true, writable: false }));
	const exit = complaint.then((said) => (said === "" ? 0 : command.exit));
	exit.catch(() => {});
	return { stdin: nowhere(), stdout: Readable.from([]), stderr: Readable.from(linesOf(complaint)), exit };
}

async function* linesOf(complaint: Promise<string>): AsyncIterable<Buffer> {
	const said = await complaint;
	if (said !== "") yield Buffer.from(said);
}

function nowhere(): Writable {
	return new Writable({ write: (_chunk, _encoding, done) => done() });
}
