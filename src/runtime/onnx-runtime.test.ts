import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { binaryFolder, loadFrom, loadOnnxRuntime, onnxRuntimeVersion } from './onnx-runtime.ts';
import { webEngineFiles, webEngineFolder } from './web-engine-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kuosan-engine-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

test('the engine is of the version that everything is made for', () => {
  expect(loadOnnxRuntime('cpu').env.versions.node).toBe(onnxRuntimeVersion);
});

test('a system without a build is told which ones there are', () => {
  write('package.json', JSON.stringify({ version: '1.2.3' }));
  for (const system of ['linux/x64', 'linux/arm64', 'win32/x64']) write(`bin/napi-v6/${system}/binding.node`, '');
  expect(() => loadFrom(folder, 'darwin', 'x64')).toThrow(
    /^ONNX Runtime 1\.2\.3 has no build for darwin on x64, only for linux on arm64, linux on x64, win32 on x64; in a browser /,
  );
});

test('a library that the system cannot load is one line with what it needs', () => {
  const binding = join(binaryFolder(folder), 'binding.node');
  write('package.json', JSON.stringify({ version: '1.2.3', main: 'index.js' }));
  write(binding.slice(folder.length), 'no library');
  write('index.js', `module.exports = require(${JSON.stringify(binding)});`);
  let message = '';
  try {
    loadFrom(folder);
  } catch (error) {
    ({ message } = error as Error);
  }
  expect(message).toMatch(/^ONNX Runtime cannot be loaded here \(.+\); it needs .+$/);
});

test('the files of a page come from an onnxruntime-web of the right version, wherever one is', () => {
  const version = (text: string) => JSON.stringify({ name: 'onnxruntime-web', version: text });
  const at = (project: string) => join(folder, project, 'package.json');
  for (const project of ['old', 'right'])
    write(`${project}/node_modules/onnxruntime-web/dist/${webEngineFiles.cpu[0]}`, '');
  const exports = JSON.stringify({ [`./${webEngineFiles.cpu[0]}`]: `./dist/${webEngineFiles.cpu[0]}` });
  const manifest = (text: string) => `${version(text).slice(0, -1)},"exports":${exports}}`;
  write('old/node_modules/onnxruntime-web/package.json', manifest('1.20.0'));
  write('right/node_modules/onnxruntime-web/package.json', manifest(onnxRuntimeVersion));
  const right = join(folder, 'right/node_modules/onnxruntime-web/dist');
  expect(webEngineFolder([at('right')])).toBe(right);
  expect(webEngineFolder([at('none'), at('old'), at('right')])).toBe(right);
  expect(() => webEngineFolder([at('none')])).toThrow(
    `onnxruntime-web is not installed, whose files a page computes with; npm i onnxruntime-web@${onnxRuntimeVersion}`,
  );
  expect(() => webEngineFolder([at('old')])).toThrow(
    `onnxruntime-web 1.20.0 is installed, and the page was built for ${onnxRuntimeVersion}; npm i onnxruntime-web@${onnxRuntimeVersion}`,
  );
});
