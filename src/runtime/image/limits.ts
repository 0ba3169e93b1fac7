// The named maxima of images: what an archive or a peer may make this machine read, keep or unpack. Constants only.

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** A name as `swarm image ls` prints it, tag included. */
export const NAME_LENGTH_MAX = 128;
/** index.json, a manifest, a config. containerd and Docker refuse manifests above 4 MiB too. */
export const DOCUMENT_BYTES_MAX = 4 * MIB;
/** Manifests in one index, nested ones counted. */
export const MANIFESTS_MAX = 256;
/** Docker's limit; more do not fit into the mount options of an overlay before Linux 6.5. */
export const LAYERS_MAX = 127;
/** Files in the outer archive. */
export const ARCHIVE_ENTRIES_MAX = 4096;
/** All bytes of the outer archive after its own decompression. */
export const ARCHIVE_BYTES_MAX = 256 * GIB;
/** Files, directories and links of one layer. */
export const LAYER_ENTRIES_MAX = 1_000_000;
/** Bytes of one layer after decompression. */
export const LAYER_BYTES_MAX = 128 * GIB;
/** Of a path inside a layer: PATH_MAX without the part that leads to the layer. */
export const PATH_BYTES_MAX = 3072;
export const PATH_DEPTH_MAX = 256;
/** NAME_MAX of Linux file systems. */
export const COMPONENT_BYTES_MAX = 255;
/** Parts of one sparse file. */
export const SPARSE_PARTS_MAX = 65_536;
/** Left free on the file system, whatever an archive claims. */
export const FREE_BYTES_RESERVE = 256 * MIB;
/** How many bytes are written between two looks at the free space. */
export const FREE_CHECK_BYTES = 64 * MIB;
/** One JSON frame of the exchange between peers. */
export const EXCHANGE_FRAME_BYTES_MAX = 8 * MIB;
/** One small file that the `host` image copies. */
export const HOST_FILE_BYTES_MAX = 4 * MIB;
/** Files that the `host` image copies. */
export const HOST_FILES_MAX = 20_000;
