/** How many times longer than elsewhere everything may take in this kernel; the harness has the same. */
export const slowness = process.env.HMM_SDK_IN_VM === 'debug' ? 6 : 1
