import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { stateDirOf } from './node/layout.ts';
import { buildProgram } from './programs/programs.ts';
import { runCommand } from './programs/run-command.ts';

/** What the cluster's own tests do to it, by kubectl. */
export interface Driver {
  kubectl(...args: string[]): Promise<string>;
  apply(...objects: object[]): Promise<void>;
  ready(podName: string): Promise<void>;
  /** What the probe in a pod gets when it calls the address. */
  fetchFrom(podName: string, url: string): Promise<string>;
  /** Has the probe in a pod write a file. */
  putFile(podName: string, path: string, content: string): Promise<void>;
}

/** A driver of the cluster of that name, be it up already or later. */
export async function driverOf(name: string): Promise<Driver> {
  const kube = await buildProgram('kube', console.error);
  const stateDir = stateDirOf(name);
  const env = { KUBECONFIG: join(stateDir, 'kubeconfig'), KUBECACHEDIR: join(stateDir, 'tmp', 'kubectl') };
  const kubectl = (...args: string[]): Promise<string> => runCommand([kube, 'kubectl', ...args], { env });
  const proxied = (podName: string, path: string): string =>
    `/api/v1/namespaces/default/pods/${podName}:8080/proxy${path}`;

  return {
    kubectl,
    async apply(...objects) {
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      const child = spawn(kube, ['kubectl', 'apply', '-f', '-'], { env });
      child.stdin.end(list);
      const [said] = await Promise.all([buffer(child.stderr), buffer(child.stdout)]);
      if (child.exitCode ?? (await new Promise((done) => child.on('exit', done)))) throw new Error(said.toString());
    },
    async ready(podName) {
      await kubectl('wait', '--for=condition=Ready', `pod/${podName}`, '--timeout=60s');
    },
    async fetchFrom(podName, url) {
      return kubectl('get', '--raw', proxied(podName, `/fetch?url=${encodeURIComponent(url)}`));
    },
    async putFile(podName, path, content) {
      const child = spawn(kube, ['kubectl', 'proxy', '--port=0'], { env });
      try {
        const [chunk] = await new Promise<Buffer[]>((done) =>
          child.stdout.once('data', (data: Buffer) => done([data])),
        );
        const [address] = /127\.0\.0\.1:\d+/.exec(String(chunk)) ?? [];
        const url = `http://${address}${proxied(podName, `/file?path=${path}`)}`;
        const response = await fetch(url, { method: 'PUT', body: content });
        if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      } finally {
        child.kill();
      }
    },
  };
}

/** A pod of the probe. */
export function probe(podName: string, container: object = {}, spec: object = {}): object {
  const containers = [{ name: 'probe', image: 'steward.test/probe:1', ...container }];
  const metadata = { name: podName, namespace: 'default', labels: { app: podName } };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { terminationGracePeriodSeconds: 0, containers, ...spec } };
}
