/** What all synthetic participants of this process have sent: RTP packets and payload bytes. */
export const sentTotals = { packets: 0, bytes: 0 };
