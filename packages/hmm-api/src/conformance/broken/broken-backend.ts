import type { RawBackend } from '../../raw/raw-backend.js'
import type { DeviceMemoryKind } from '../../raw/raw-device-memory.js'

/** A fault put into a backend on purpose, to prove that a case of the suite finds it. */
export interface BrokenBackend {
  /** Such as `no-retry-check`. */
  readonly name: string
  /** What is wrong, and what it would do to a driver. */
  readonly breaks: string
  /** Which memory the device `demo` must have; any, if left out. */
  readonly memoryKind?: DeviceMemoryKind
  /** Address of a case that must fail. */
  readonly caughtBy: string
  /** The backend with the fault. */
  readonly wrap: (backend: RawBackend) => RawBackend
}
