/**
 * The names of failures, each with the exit code of the command line. `guest-command-failed` exits with
 * the guest's own code.
 */
export const EXIT_CODES = Object.freeze({
  usage: 64,
  'build-failed': 65,
  'host-unsuitable': 69,
  'preparation-failed': 70,
  'vm-died': 100,
  'vm-timeout': 101,
  'kernel-splat': 102,
  'guest-setup-failed': 103,
  'module-unload-failed': 104,
  'guest-command-failed': 1,
  interrupted: 130,
})

/** @typedef {keyof typeof EXIT_CODES} VmErrorName */

/** A failure of the harness that has a name: programs decide by `name`, people read `message`. */
export class VmError extends Error {
  /**
   * @override
   * @type {VmErrorName}
   */
  name

  /**
   * @param {VmErrorName} name
   * @param {string} message
   * @param {{ cause?: unknown, output?: string }} [details]
   */
  constructor(name, message, details = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.name = name
    /** Output of the command that failed, when there is one. */
    this.output = details.output
  }
}
