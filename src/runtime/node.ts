export { createNodeExecutor, type NodeExecutorOptions } from './create-node-executor.ts';
export type { NodeDevice } from './node-device.ts';
export {
  deviceChoices,
  openNodeExecutor,
  type DeviceChoice,
  type OpenNodeExecutorOptions,
} from './open-node-executor.ts';
