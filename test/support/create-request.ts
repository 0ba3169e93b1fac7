// A request for a container as a test wants it: everything that is not given is the plainest thing.

import { type ContainerId, type Digest, type Spec, wholeSpec } from "../../src/model.js";
import type { CreateRequest, ImageConfig, PreparedImage } from "../../src/runtime/runtime.js";

export interface RequestWish extends Partial<Omit<Spec, "name" | "image">> {
	readonly epoch?: number;
	readonly address?: string | null;
	readonly image?: Partial<PreparedImage>;
	readonly imageConfig?: Partial<ImageConfig>;
}

const plainConfig: ImageConfig = { entrypoint: [], command: [], env: {}, workdir: "/", user: "", stopSignal: 15 };

export function createRequest(container: ContainerId, wish: RequestWish): CreateRequest {
	const { epoch = 1, address = null, image, imageConfig, ...spec } = wish;
	return {
		container,
		epoch,
		revision: 1,
		address,
		image: {
			name: "test",
			digest: `sha256:${"0".repeat(64)}` as Digest,
			lowerDirectories: [],
			hostPaths: [],
			...image,
			config: { ...plainConfig, ...imageConfig, ...image?.config },
		},
		spec: wholeSpec({
			name: container.split(".")[0] ?? container,
			image: "test",
			command: ["/bin/true"],
			env: {},
			workdir: null,
			user: null,
			resources: { cpus: null, memoryBytes: null, pids: null },
			labels: {},
			constraints: [],
			ports: [],
			replicas: 1,
			network: address === null ? "none" : "bridge",
			stopGraceMs: 10_000,
			...spec,
		}),
	};
}
