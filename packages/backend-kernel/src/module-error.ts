import { existsSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { HmmError } from '@hmm-sdk/hmm-api'
import { packageFolder } from './package-folder.js'
import { ABI_VERSION } from './uapi.js'

/** Commands that make the module and load it. */
const MODULE_FOLDER = join(packageFolder, 'module')
export const BUILD_MODULE = `make -C ${MODULE_FOLDER} && sudo insmod ${join(MODULE_FOLDER, 'hmm_sdk.ko')}`

/** Whether the module runs on a kernel of that release: 6.12, or 7.2 and later. */
export function isSupportedKernel(kernel: string): boolean {
  const [major, minor] = kernel.split('.').map((part) => Number.parseInt(part, 10))
  if (major === undefined || minor === undefined) return false
  return (major === 6 && minor === 12) || (major === 7 && minor >= 2) || major > 7
}

/** What keeps the device node from being opened, and what to do about it. */
export function openError(node: string, cause: NodeJS.ErrnoException): HmmError {
  if (cause.code === 'EACCES' || cause.code === 'EPERM') {
    return new HmmError('EACCES', {
      message: `no permission to open ${node}`,
      hint:
        `Run as root, or give this user access: sudo setfacl -m u:$USER:rw ${node} ` +
        '(for good: a udev rule KERNEL=="hmm_sdk", GROUP="hmm", MODE="0660").',
      cause,
    })
  }
  if (cause.code === 'ENOENT' || cause.code === 'ENXIO' || cause.code === 'ENODEV') {
    return missingModule(node, cause)
  }
  return new HmmError('EIO', { message: `${node} does not open: ${cause.message}`, cause })
}

function missingModule(node: string, cause: unknown): HmmError {
  if (process.platform !== 'linux') {
    return new HmmError('ENODEV', {
      message: `the kernel backend needs Linux, this is ${process.platform}`,
      hint: "Use the simulation: backend 'sim' runs everywhere.",
      cause,
    })
  }
  if (existsSync('/sys/module/hmm_sdk')) {
    return new HmmError('ENODEV', {
      message: `the module hmm_sdk is loaded, but ${node} is not there`,
      hint: 'In a container pass the node in (--device /dev/hmm_sdk); else see: dmesg | grep hmm_sdk',
      cause,
    })
  }
  if (!isSupportedKernel(release())) {
    return new HmmError('ENODEV', {
      message: `the module hmm_sdk is not loaded, and Linux ${release()} is not supported by it`,
      hint: "It supports 6.12, and 7.2 and later. Use a virtual machine, or the simulation (backend 'sim').",
      cause,
    })
  }
  return new HmmError('ENODEV', {
    message: `the module hmm_sdk is not loaded: there is no ${node}`,
    hint: `sudo modprobe hmm_sdk; if it is not installed, build it: ${BUILD_MODULE}`,
    cause,
  })
}

/** The module speaks another version of the binary interface. */
export function abiError(theirs: number, version: string): HmmError {
  const update =
    theirs < ABI_VERSION
      ? `The module is older. Build and load that of this package: sudo rmmod hmm_sdk; ${BUILD_MODULE}`
      : 'The package is older. Update it: npm install @hmm-sdk/backend-kernel@latest'
  return new HmmError('EPROTO', {
    message:
      `the loaded module hmm_sdk ${version} has ABI version ${theirs}, ` +
      `this package has ${ABI_VERSION}`,
    hint: update,
  })
}

/** /dev/hmm_sdk answers, but not as the module does. */
export function notTheModule(node: string): HmmError {
  return new HmmError('EPROTO', {
    message: `${node} is not the node of the module hmm_sdk: it does not know its requests`,
    hint: 'Check the option `node` of the kernel backend, and: ls -l /dev/hmm_sdk',
  })
}
