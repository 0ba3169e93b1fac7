// The door to tar-stream: reads a tar from an async iterable, one entry after the other, names as byte strings (one
// character for one byte). Never touches the disk.

import { finished, Readable, type Writable } from "node:stream";
import { extract } from "tar-stream";
import { asSwarmError, SwarmError } from "../../errors.js";

export interface TarHeader {
	/** Byte string from the header block; UTF-8 text when PAX gave it (`pax.path`). */
	readonly name: string;
	readonly type: string | null;
	readonly linkname: string | null;
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly size: number;
	readonly mtime: Date;
	readonly pax: Readonly<Record<string, string>> | null;
}

/** Calls `visit` for each entry in order; data that it does not read is skipped. Code `corrupt` for what is no tar. */
export async function readTar(
	bytes: AsyncIterable<Buffer>,
	visit: (header: TarHeader, data: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
	// Its types lack this option (index.d.ts of 3.2.2); extract.js reads it.
	const tar = extract({ filenameEncoding: "latin1" } as Parameters<typeof extract>[0]);
	const source = Readable.from(bytes, { objectMode: false });
	// What really went wrong: an entry that is being read only learns that its stream is gone.
	let cause: Error | null = null;
	tar.on("error", (error) => {
		cause ??= error;
	});
	const closed = new Promise<void>((resolve) => tar.on("close", () => resolve()));
	source.pipe(tar as unknown as Writable);
	finished(source, (error) => {
		if (error) tar.destroy(error);
	});
	try {
		for await (const entry of tar) {
			// A directory's size is no length of data (POSIX pax, "size"); tar-stream would wait for an end that never comes.
			if (entry.header.type === "directory") entry.header.size = 0;
			await visit(entry.header as unknown as TarHeader, entry as unknown as AsyncIterable<Buffer>);
			entry.resume();
		}
	} catch (thrown) {
		tar.destroy();
		await closed;
		throw explain(thrown instanceof SwarmError ? thrown : (cause ?? thrown));
	} finally {
		source.destroy();
	}
}

const tarComplaints = /^(Invalid tar header|Invalid header|Header exceeds max size|Unexpected end of data)/;

function explain(thrown: unknown): SwarmError {
	if (thrown instanceof Error && tarComplaints.test(thrown.message)) {
		return new SwarmError("corrupt", `Cannot read the tar: ${thrown.message}`, { cause: thrown });
	}
	return asSwarmError(thrown, "read the tar");
}

/** Whether readTar threw it of a tar that is none, or is cut. */
export function isBrokenTar(thrown: unknown): boolean {
	return thrown instanceof SwarmError && thrown.cause instanceof Error && tarComplaints.test(thrown.cause.message);
}

/** A PAX value (text) or a header field (byte string) as a byte string; null when neither is there. */
export function byteString(pax: string | undefined, header: string | null): string | null {
	return pax === undefined || pax === "" ? header : Buffer.from(pax, "utf8").toString("latin1");
}

/** For messages. */
export function shownName(bytes: string): string {
	return Buffer.from(bytes, "latin1").toString("utf8");
}
