// The blobs of an image that comes from elsewhere: those that are here stay, the others are taken one after the other into
// staging, never more bytes than announced, each with its digest checked.

import { join } from "node:path";
import { SwarmError } from "../../errors.js";
import type { Digest } from "../../model.js";
import { type StagedFile, stageFile } from "./archive/contents.js";
import { blobPath, hasBlob } from "./disk.js";
import type { Descriptor } from "./document.js";
import type { BlobInfo, IngestRequest } from "./image-store.js";
import { hexOf } from "./name.js";
import { guardSpace } from "./space.js";

/** `directory` of the store. Code `corrupt` for a blob with another digest, `too-large` for one that does not end. */
export async function receiveBlobs(
	directory: string,
	descriptors: readonly Descriptor[],
	staging: string,
	request: IngestRequest,
): Promise<Map<Digest, StagedFile>> {
	const blobs = new Map<Digest, StagedFile>();
	const wanted = new Map<Digest, BlobInfo>();
	for (const { digest, sizeBytes } of descriptors) {
		if (!(await hasBlob(directory, digest))) wanted.set(digest, { digest, sizeBytes });
		else blobs.set(digest, { path: blobPath(directory, digest), digest, sizeBytes, staged: false });
	}
	const totalBytes = [...wanted.values()].reduce((sum, blob) => sum + blob.sizeBytes, 0);
	let doneBytes = 0;
	const receive = await request.transfer([...wanted.values()]);
	for (const blob of wanted.values()) {
		const space = guardSpace(staging, `the blob ${blob.digest}`, blob.sizeBytes);
		const staged = await stageFile(join(staging, hexOf(blob.digest)), receive(blob), space, (bytes) => {
			request.signal.throwIfAborted();
			doneBytes += bytes;
			request.onProgress({ step: "receiving", doneBytes, totalBytes });
		});
		if (staged.digest !== blob.digest) {
			throw new SwarmError("corrupt", `Cannot take the blob ${blob.digest}: what came has ${staged.digest}`);
		}
		blobs.set(blob.digest, staged);
	}
	return blobs;
}
