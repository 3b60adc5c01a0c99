/**
 * The errno names that an {@link HmmError} can carry. Names, not numbers: numbers differ between
 * architectures, names are what `errno(3)` and the kernel's documentation use.
 */
export const ERRNO = {
  EPERM: { number: 1, text: 'operation not permitted' },
  ENOENT: { number: 2, text: 'no such entry' },
  ESRCH: { number: 3, text: 'the process is gone' },
  EINTR: { number: 4, text: 'interrupted' },
  EIO: { number: 5, text: 'input/output error' },
  ENXIO: { number: 6, text: 'no such device or address' },
  EBADF: { number: 9, text: 'the object is closed' },
  EAGAIN: { number: 11, text: 'try again' },
  ENOMEM: { number: 12, text: 'out of memory' },
  EACCES: { number: 13, text: 'permission denied' },
  EFAULT: { number: 14, text: 'bad address' },
  EBUSY: { number: 16, text: 'busy' },
  EEXIST: { number: 17, text: 'already exists' },
  ENODEV: { number: 19, text: 'no such device' },
  EINVAL: { number: 22, text: 'invalid argument' },
  ENOTTY: { number: 25, text: 'unknown request' },
  ENOSPC: { number: 28, text: 'no space left' },
  ERANGE: { number: 34, text: 'out of range' },
  EDEADLK: { number: 35, text: 'would deadlock' },
  EOVERFLOW: { number: 75, text: 'value too large' },
  EPROTO: { number: 71, text: 'version mismatch' },
  EOPNOTSUPP: { number: 95, text: 'not supported' },
  EADDRINUSE: { number: 98, text: 'address in use' },
  ETIMEDOUT: { number: 110, text: 'timed out' },
  ESTALE: { number: 116, text: 'stale: an invalidation came in between' },
  EREMOTEIO: { number: 121, text: 'the peer cannot be reached' },
  ECANCELED: { number: 125, text: 'cancelled' },
} as const

/** Name of an errno, such as `'EFAULT'`. */
export type Errno = keyof typeof ERRNO

const BY_NUMBER = new Map<number, Errno>(
  (Object.keys(ERRNO) as Errno[]).map((name) => [ERRNO[name].number, name]),
)

/**
 * The name of a (positive) errno number as Linux on x86-64 and arm64 uses it; `EIO` for one that
 * the API does not know, so that an unexpected number is never taken for success.
 */
export function errnoName(number: number): Errno {
  return BY_NUMBER.get(number) ?? 'EIO'
}
