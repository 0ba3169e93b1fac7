// Binds libstratoswarm.so with koffi: this file, openssl.ts and file-lock.ts know koffi. Same functions and order as include/stratoswarm.h.
// Must never read errno (after an asynchronous call it is lost): errors come back in struct sw_error.

import koffi, { type LibraryHandle, type TypeObject } from "koffi";
import { type ErrorCode, SwarmError } from "../errors.js";
import type { ExecForm, Native } from "./native.js";
import { type NativePaths, nativePaths } from "./paths.js";

const ABI_VERSION = 6;
/** XATTR_SIZE_MAX of linux/limits.h. */
const ATTRIBUTE_BYTES_MAX = 65_536;
const ENODATA = 61;

/** By their numbers in `enum sw_exec_form`. */
const EXEC_FORMS: readonly ExecForm[] = ["nothing", "outputs", "input", "terminal", "detached"];

/** struct sw_error as the library writes it: decoded only when a call failed, which takes as long as most calls. */
const ERROR_STEP_AT = 4;
const ERROR_MESSAGE_AT = ERROR_STEP_AT + 48;
const ERROR_BYTES = ERROR_MESSAGE_AT + 208;

/** Loads the library; throws `unsupported` when it is not built or is of another version. */
export function loadNative(paths: NativePaths = nativePaths()): Native {
	const library = koffi.load(paths.library);
	const version: number = library.func("int32_t sw_abi_version()")();
	if (version !== ABI_VERSION)
		throw new SwarmError(
			"unsupported",
			`Cannot use ${paths.library}: its version is ${version}, wanted ${ABI_VERSION} (make -C src/native)`,
		);
	return bind(functionsOf(library));
}

function bind(functions: ReturnType<typeof functionsOf>): Native {
	const error = newError();
	const call = (action: string, run: (error: Buffer) => number): number => checked(action, run(error), error);
	const f = functions;
	return {
		spawnDetached: (argv, { stderrPath, socketPath }) =>
			call(`start ${argv[0]}`, (error) => f.spawnDetached([...argv, null], stderrPath, socketPath, error)),
		spawnConnected(argv, stderrPath) {
			const connection = [-1];
			const pid = call(`start ${argv[0]}`, (error) => f.spawnConnected([...argv, null], stderrPath, connection, error));
			return { pid, connection: connection[0] ?? -1 };
		},
		execChannel: (connection) => call("start commands in containers", (error) => f.execChannel(connection, error)),
		execSend(channel, request, form) {
			const streams = new Int32Array(3);
			const number = EXEC_FORMS.indexOf(form);
			const count = call("exec", (error) => f.execSend(channel, request, request.length, number, streams, error));
			return [...streams.subarray(0, count)];
		},
		netnsCreate: (path) => void call(`make network namespace ${path}`, (error) => f.netnsCreate(path, error)),
		netnsKeep: (path, pid) => void call(`keep network namespace ${path}`, (error) => f.netnsKeep(path, pid, error)),
		netnsDelete: (path) => void call(`remove network namespace ${path}`, (error) => f.netnsDelete(path, error)),
		bridgeEnsure: (name, address, prefix, mac) =>
			void call(`make bridge ${name}`, (error) => f.bridgeEnsure(name, address, prefix, mac, error)),
		vethCreate: (o) =>
			void call(`make link ${o.hostName}`, (error) =>
				f.vethCreate(o.hostName, o.bridge, o.netnsPath, o.address, o.prefix, o.gateway, o.mac, o.up ? 1 : 0, error),
			),
		linkDelete: (name) => onThread(`remove link ${name}`, f.linkDelete, name),
		linkSetUp: (name, up) => void call(`set link ${name}`, (error) => f.linkSetUp(name, up ? 1 : 0, error)),
		linkShape: (name, netnsPath, bytesPerSecond) =>
			void call(`limit the rate of link ${name}`, (error) => f.linkShape(name, netnsPath, bytesPerSecond ?? 0, error)),
		linkShapeWorks: () => call("ask for rate limits of links", (error) => f.linkShapeWorks(error)) === 1,
		cgroupFreeze: (path, frozen, timeoutMs) =>
			void call(`${frozen ? "freeze" : "thaw"} ${path}`, (error) =>
				f.cgroupFreeze(path, frozen ? 1 : 0, timeoutMs, error),
			),
		deviceFilterAttach: (path) =>
			void call(`restrict the devices of ${path}`, (error) => f.deviceFilterAttach(path, error)),
		signal: (pid, signal) => call(`send signal ${signal} to ${pid}`, (error) => f.signal(pid, signal, error)) === 1,
		bootTimeMs: () => Number(f.bootTimeMs()),
		readDescriptors: (descriptors) => readAll(f.readDescriptors, descriptors),
		makeNode: (path, mode, major, minor) =>
			void call("make a file node", (error) => f.makeNode(pathBytes(path), mode, major, minor, error)),
		setAttribute: (path, name, value) =>
			void call(`set attribute ${name}`, (error) => f.setAttribute(pathBytes(path), name, value, value.length, error)),
		getAttribute(path, name) {
			const value = new Uint8Array(ATTRIBUTE_BYTES_MAX);
			const size = f.getAttribute(pathBytes(path), name, value, value.length, error);
			if (size === -ENODATA) return null;
			return value.slice(0, checked(`read attribute ${name}`, size, error));
		},
		directorySpread: (path) => void call(`spread ${path}`, (error) => f.directorySpread(path, error)),
		containerDirectoryMake: (path) => onThread(`make ${path}`, f.containerDirectoryMake, path),
		directoryRemove: (path) => onThread(`remove ${path}`, f.directoryRemove, path),
	};
}

/** A page for each file: more than the texts of the kernel take, so that they are read in one call. */
const FILE_BYTES_MAX = 4_096;
const FILE_ABSENT = 0xffff_ffff;
/** Of the texts that are read at a time; a node's thousand containers take about two megabytes. */
const FILES_PER_CALL_MAX = 1_024;

type Pool = { readonly files: Uint8Array; readonly ends: Uint32Array };

/** In pieces on a thread of the pool, one after the other. */
async function readAll(read: ThreadedRead, descriptors: Int32Array): Promise<readonly (string | null)[]> {
	const texts: (string | null)[] = [];
	const size = Math.min(descriptors.length, FILES_PER_CALL_MAX);
	const pool = { files: new Uint8Array(size * FILE_BYTES_MAX), ends: new Uint32Array(size) };
	for (let from = 0; from < descriptors.length; from += FILES_PER_CALL_MAX)
		texts.push(...(await readSome(read, descriptors.slice(from, from + FILES_PER_CALL_MAX), pool)));
	return texts;
}

interface ThreadedRead {
	async(
		descriptors: Int32Array,
		count: number,
		files: Uint8Array,
		size: number,
		ends: Uint32Array,
		error: Buffer,
		callback: (failure: unknown, value: number) => void,
	): void;
}

function readSome(read: ThreadedRead, descriptors: Int32Array, { files, ends }: Pool): Promise<(string | null)[]> {
	return new Promise((resolve, reject) => {
		const error = newError();
		read.async(descriptors, descriptors.length, files, files.length, ends, error, (failure, value) => {
			if (failure !== null) return reject(failure);
			try {
				const used = checked("read files", value, error);
				const text = Buffer.from(files.buffer, 0, used).toString("latin1");
				resolve(textsBetween(text, ends.subarray(0, descriptors.length)));
			} catch (thrown) {
				reject(thrown);
			}
		});
	});
}

function textsBetween(text: string, ends: Uint32Array): (string | null)[] {
	let from = 0;
	return Array.from(ends, (end) => {
		if (end === FILE_ABSENT) return null;
		const part = text.slice(from, end);
		from = end;
		return part;
	});
}

interface AsyncFunction {
	async(name: string, error: Buffer, callback: (failure: unknown, value: number) => void): void;
}

/** Calls a function of one path or name on a thread of the pool. */
function onThread(action: string, run: AsyncFunction, name: string) {
	return new Promise<void>((resolve, reject) => {
		const error = newError();
		run.async(name, error, (failure: unknown, value: number) => {
			if (failure !== null) return reject(failure);
			try {
				checked(action, value, error);
				resolve();
			} catch (thrown) {
				reject(thrown);
			}
		});
	});
}

function functionsOf(library: LibraryHandle) {
	const bytes = koffi.pointer("uint8_t");
	const func = (name: string, ...parameters: (string | TypeObject | ReturnType<typeof koffi.out>)[]) =>
		library.func(name, "int32_t", [...parameters, bytes]);
	return {
		spawnDetached: func("sw_spawn_detached", koffi.pointer("str"), "str", "str"),
		spawnConnected: func("sw_spawn_connected", koffi.pointer("str"), "str", koffi.out(koffi.pointer("int32_t"))),
		execChannel: func("sw_exec_channel", "int32_t"),
		execSend: func("sw_exec_send", "int32_t", bytes, "uint32_t", "uint32_t", koffi.pointer("int32_t")),
		netnsCreate: func("sw_netns_create", "str"),
		netnsKeep: func("sw_netns_keep", "str", "int32_t"),
		netnsDelete: func("sw_netns_delete", "str"),
		bridgeEnsure: func("sw_bridge_ensure", "str", "str", "uint32_t", "str"),
		vethCreate: func("sw_veth_create", "str", "str", "str", "str", "uint32_t", "str", "str", "uint32_t"),
		linkDelete: func("sw_link_delete", "str"),
		linkSetUp: func("sw_link_set_up", "str", "uint32_t"),
		linkShape: func("sw_link_shape", "str", "str", "uint64_t"),
		linkShapeWorks: func("sw_link_shape_works"),
		cgroupFreeze: func("sw_cgroup_freeze", "str", "uint32_t", "uint32_t"),
		deviceFilterAttach: func("sw_device_filter_attach", "str"),
		signal: func("sw_signal", "int32_t", "int32_t"),
		bootTimeMs: library.func("int64_t sw_boot_time_ms()"),
		readDescriptors: func(
			"sw_read_descriptors",
			koffi.pointer("int32_t"),
			"uint32_t",
			bytes,
			"uint32_t",
			koffi.pointer("uint32_t"),
		),
		makeNode: func("sw_make_node", bytes, "uint32_t", "uint32_t", "uint32_t"),
		setAttribute: func("sw_set_attribute", bytes, "str", bytes, "uint32_t"),
		getAttribute: func("sw_get_attribute", bytes, "str", bytes, "uint32_t"),
		directorySpread: func("sw_directory_spread", "str"),
		containerDirectoryMake: func("sw_container_directory_make", "str"),
		directoryRemove: func("sw_directory_remove", "str"),
	};
}

function newError(): Buffer {
	return Buffer.alloc(ERROR_BYTES);
}

function checked(action: string, value: number, error: Buffer): number {
	if (value >= 0) return value;
	const errno = error.readInt32LE(0);
	const step = textOf(error.subarray(ERROR_STEP_AT, ERROR_MESSAGE_AT));
	const message = textOf(error.subarray(ERROR_MESSAGE_AT));
	throw new SwarmError(codeOf(errno), `Cannot ${action}: ${message}`, { details: { errno, step } });
}

/** Up to its NUL. */
function textOf(bytes: Buffer): string {
	return bytes.toString("utf8", 0, bytes.indexOf(0));
}

// errno values are the same on every architecture that we build for (asm-generic/errno.h).
function codeOf(errno: number): ErrorCode {
	switch (errno) {
		case 2: // ENOENT
		case 19: // ENODEV
			return "not-found";
		case 16: // EBUSY
		case 17: // EEXIST
			return "conflict";
		case 22: // EINVAL
			return "usage";
		case 38: // ENOSYS
		case 95: // EOPNOTSUPP
			return "unsupported";
		case 110: // ETIMEDOUT
			return "timeout";
		default:
			return "failed";
	}
}

function pathBytes(path: string | Uint8Array): Uint8Array {
	const bytes = typeof path === "string" ? Buffer.from(path) : path;
	if (bytes.includes(0)) throw new SwarmError("usage", "Cannot use a path with a NUL byte");
	const terminated = new Uint8Array(bytes.length + 1);
	terminated.set(bytes);
	return terminated;
}
