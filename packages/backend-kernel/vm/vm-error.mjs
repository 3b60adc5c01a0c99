/**
 * A failure of the harness that has a name: callers and tests decide by `name`, people read `message`.
 *
 * @typedef {'usage'
 *   | 'host-unsuitable'
 *   | 'preparation-failed'
 *   | 'build-failed'
 *   | 'vm-died'
 *   | 'vm-timeout'
 *   | 'kernel-splat'
 *   | 'guest-command-failed'
 *   | 'guest-setup-failed'
 *   | 'interrupted'} VmErrorName
 */

export class VmError extends Error {
  /**
   * @param {VmErrorName} name
   * @param {string} message
   * @param {{ cause?: unknown, output?: string }} [details]
   */
  constructor(name, message, details = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    /** @type {VmErrorName} */
    this.name = name
    /** Output of the command that failed, when there is one. */
    this.output = details.output
  }
}
