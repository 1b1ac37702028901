/**
 * Bytes of a socket's buffer in each direction. Many streams share one socket, and a key frame or a changed slide
 * comes all at once: the system's default of some hundred packets loses part of it. The system gives less where it
 * allows less (`net.core.rmem_max`, `wmem_max`).
 */
const BYTES = 2 * 1024 * 1024;

/** For the UDP sockets that a worker listens on. */
export const socketBuffers = { sendBufferSize: BYTES, recvBufferSize: BYTES } as const;
