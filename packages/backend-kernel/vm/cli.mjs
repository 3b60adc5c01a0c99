#!/usr/bin/env node
import { buildAgentCommand, buildModuleCommand } from './build-command.mjs'
import { reportFailure } from './command-line.mjs'
import { doctorCommand } from './doctor-command.mjs'
import { DEFAULT_KERNEL, KERNELS } from './kernels.mjs'
import { prepareCommand } from './prepare-command.mjs'
import { runCommand } from './run-command.mjs'
import { EXIT_CODES, VmError } from './vm-error.mjs'

const HELP = `Usage: node packages/backend-kernel/vm/cli.mjs <what> [options] [-- command...]

  prepare        make the Debian root, fetch or build the kernel, pack its initramfs
  build-module   build hmm_sdk.ko and print its path
  build-agent    build hmm-agent and print its path
  run            boot the kernel, load the module, run the command after -- in this folder
  doctor         say what is ready and what is missing

Options
  --kernel NAME            ${KERNELS.map((kernel) => kernel.name).join(', ')} (default ${DEFAULT_KERNEL})
                           debug is built at its first use: about 10 minutes on 2 cores
  --json                   the result as JSON on standard output
  --quiet                  no progress
  --install-host-packages  install what the host lacks (apt-get)
  -h, --help

prepare
  --update                 look for a newer version of the kernel
  --source                 also unpack the kernel's source into the cache

build-module, build-agent
  --check                  more checks (sparse), and any warning is a failure

run
  --module WHICH           build (default when there is a module), none, or the path of a .ko
  --module-arguments TEXT  parameters of the module
  --keep-loaded            do not unload the module at the end
  --timeout SECONDS        limit of the whole run (default 600; debug 3600)
  --env NAME[=VALUE]       pass a variable (PATH, HOME, CI, NODE_*, VITEST*, HMM_* pass by themselves)
  --results DIRECTORY      where to copy what the command writes to $HMM_SDK_RESULTS
  --cpus N, --memory MIB   default 2 and 4096
  --device TEXT            one more QEMU device; may be repeated
  --kernel-argument TEXT   one more word of the kernel command line; may be repeated
  --qemu-argument=WORD     one more argument of QEMU, which wins; may be repeated
  --no-iommu, --no-edu     leave out the Intel IOMMU, the edu device
  --keep-log               keep the kernel log of a success too

Exit codes: ${Object.entries(EXIT_CODES)
  .filter(([name]) => name !== 'guest-command-failed')
  .map(([name, code]) => `${code} ${name}`)
  .join(', ')};
a command that fails in the guest gives its own code.
Environment: HMM_SDK_CACHE, HMM_SDK_MIRROR, HMM_SDK_ACCELERATOR (kvm or tcg).
`

const COMMANDS = /** @type {Record<string, (args: readonly string[]) => Promise<number>>} */ ({
  prepare: prepareCommand,
  'build-module': buildModuleCommand,
  'build-agent': buildAgentCommand,
  run: runCommand,
  doctor: doctorCommand,
})

async function main() {
  const [what, ...args] = process.argv.slice(2)
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if ([what, ...own].some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(HELP)
    return 0
  }
  const command = what === undefined ? undefined : COMMANDS[what]
  if (command === undefined) {
    throw new VmError(
      'usage',
      `${what === undefined ? 'what to do?' : `unknown: ${what}`}\n\n${HELP}`,
    )
  }
  return command(args)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof VmError)) throw error
  reportFailure(error.name, error.message)
  process.exitCode = EXIT_CODES[error.name]
}
