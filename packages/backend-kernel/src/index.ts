/**
 * The kernel backend of the HMM SDK: the same API over ioctl, on a real Linux kernel with the
 * module hmm_sdk. Chosen by `backend: 'kernel'` in hmm.config, HMM_BACKEND=kernel, or
 * `openBackend({ backend: 'kernel' })`; nothing here is needed by drivers.
 */
export { API_VERSION as apiVersion } from '@hmm-sdk/hmm-api'
export { createBackend } from './backend.js'
export type { KernelOptions } from './backend-options.js'
export type { KernelDeviceOptions } from './device-options.js'
export { doctor, type DoctorReport, type DoctorStep } from './doctor.js'
