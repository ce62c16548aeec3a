import { describe, expect, it } from 'vitest';
import { document, inspect, map, type Render } from '../testing/inspected-chart.ts';

const rbac = (kind: string, more = ''): string =>
  document('r.yaml', `apiVersion: rbac.authorization.k8s.io/v1\nkind: ${kind}\nmetadata: { name: r }\n${more}`);

const podOf = (container: string, rest = ''): string =>
  document(
    'pod.yaml',
    `apiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  securityContext: { runAsNonRoot: true }\n${rest}  containers: [${container}]`,
  );

describe('looking at a chart', () => {
  it('renders the defaults, each bound and switch, an upgrade and a name that holds the chart, all twice', async () => {
    const { requests, codes } = await inspect(() => map);
    expect(codes).toEqual([]);
    const kinds = requests.map(({ values, releaseName, isUpgrade }) =>
      JSON.stringify([values, releaseName, isUpgrade]),
    );
    expect([...new Set(kinds)].toSorted()).toEqual(
      [
        '[{},"qx7inst",false]',
        '[{},"qx7inst",true]',
        '[{},"web-qx7inst",false]',
        '[{"replicas":3},"qx7inst",false]',
        '[{"metrics":true},"qx7inst",false]',
      ].toSorted(),
    );
    expect(kinds).toHaveLength(10);
  });

  it('finds images, kinds and rights that only a variant brings in', async () => {
    const { inspection } = await inspect(({ values }) =>
      values['metrics'] === true ? podOf('{ name: a, image: acme/exporter:1 }') : map,
    );
    expect(inspection.images).toEqual(['acme/exporter:1']);
    expect(inspection.permissions.map(({ kind }) => kind)).toContain('Pod');
    expect(inspection.permissions.map(({ kind }) => kind)).toContain('ConfigMap');
  });

  describe('that makes something up at each render', () => {
    let count = 0;
    const made = (name = 'qx7inst-s'): string =>
      document(
        's.yaml',
        `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name} }\nstringData: { password: "hidden-${(count += 1)}" }`,
      );
    const render: Render = ({ releaseName }) => made(`${releaseName}-s`);
    const yaml = (fields: string): Record<string, string> => ({
      'steward.yaml': `generateOnce:\n  - { kind: Secret, name: "\${installation}-s"${fields} }\n`,
    });

    it('is refused, with the fields and what to write, but not their values', async () => {
      const { findings } = await inspect(render);
      expect(findings.items).toMatchObject([
        {
          severity: 'error',
          code: 'unstable',
          message: 'differs from render to render: Secret/${installation}-s: data.password',
          action: expect.stringContaining('- { kind: Secret, name: "${installation}-s", fields: ["data.password"] }'),
          place: { file: 'templates/s.yaml' },
        },
      ]);
      expect(JSON.stringify(findings.items)).not.toContain('hidden');
    });

    it('is warned of when that is wanted', async () => {
      const { findings } = await inspect(render, {}, { allowDiffering: true });
      expect(findings.items).toMatchObject([{ severity: 'warning', code: 'unstable' }]);
    });

    it.each(['', ', fields: [data]', ', fields: [data.password]', ', fields: [stringData.password]'])(
      'is fine when the release makes it once: %j',
      async (fields) => {
        expect((await inspect(render, yaml(fields))).codes).toEqual([]);
      },
    );

    it('is refused when it makes up a name, or something that pods carry', async () => {
      const named = await inspect(() => made(`s-${count}`));
      expect(named.findings.items[0]).toMatchObject({ code: 'unstable', message: expect.stringContaining('its name') });
      const pod = await inspect(() => podOf(`{ name: a, image: "b:1", env: [{ name: X, value: "${(count += 1)}" }] }`));
      expect(pod.findings.items[0]).toMatchObject({
        code: 'unstable',
        message: expect.stringContaining('spec.containers[a].env[X].value (so every upgrade would replace its pods)'),
      });
    });

    it('is warned of entries that keep nothing, or what does not change', async () => {
      const { findings } = await inspect(render, yaml(', fields: [data.password, data.user]'));
      expect(findings.items).toMatchObject([
        {
          severity: 'warning',
          code: 'generate-once',
          message: expect.stringContaining('data.user'),
          place: { line: 2 },
        },
      ]);
      const other = await inspect(() => map, yaml(''));
      expect(other.findings.items).toMatchObject([{ severity: 'warning', code: 'generate-once' }]);
    });
  });

  it('tells once what is wrong in every variant, and names the variant where only that is wrong', async () => {
    const bad = podOf('{ name: a, image: "acme/web:1", securityContext: { privileged: true } }');
    const always = await inspect(() => bad);
    expect(always.findings.items).toMatchObject([
      { severity: 'error', code: 'pod-setting', place: { file: 'templates/pod.yaml' } },
    ]);
    const sometimes = await inspect(({ values }) => (values['replicas'] === 3 ? bad : map));
    expect(sometimes.findings.items[0]?.message).toContain('(with replicas=3)');
  });

  it('takes what steward.yaml declares', async () => {
    const { codes } = await inspect(
      () => podOf('{ name: a, image: "acme/web:1", securityContext: { privileged: true } }'),
      {
        'steward.yaml': 'exceptions: { privileged: true }\n',
      },
    );
    expect(codes).toEqual([]);
  });

  it.each([
    ['gives-rights', rbac('ClusterRole')],
    ['gives-rights', rbac('Role', 'rules: [{ apiGroups: ["*"], resources: [pods], verbs: [get] }]')],
    ['gives-rights', rbac('Role', 'rules: [{ apiGroups: [""], resources: [pods], verbs: ["*"] }]')],
    ['gives-rights', rbac('Role', 'rules: [{ resources: [secrets], verbs: [get] }]')],
    [
      'gives-rights',
      rbac('Role', 'rules: [{ apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [create] }]'),
    ],
    ['gives-rights', rbac('RoleBinding', 'roleRef: { kind: ClusterRole, name: edit }')],
    ['cluster-scoped', document('n.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: { name: ns }')],
    [
      'custom-kind',
      document('m.yaml', 'apiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nmetadata: { name: m }'),
    ],
    ['hook', map.replace('{ name: settings }', '{ name: settings, annotations: { helm.sh/hook: pre-instal } }')],
    ['foreign-namespace', map.replace('{ name: settings }', '{ name: settings, namespace: kube-system }')],
    ['image', podOf('{ name: a, image: "NOT AN IMAGE" }')],
    ['image-latest', podOf('{ name: a, image: acme/web }')],
    ['pod-setting', podOf('{ name: a, image: "acme/web:1" }', '  hostPID: true\n')],
    ['twice', map + map],
    ['render', `Error: web/templates/map.yaml:3:7: nil pointer`],
    ['render', document('map.yaml', 'kind: [')],
    ['render', document('map.yaml', 'kind: ConfigMap')],
    ['empty', ''],
  ])('finds: %s', async (code, yaml) => {
    const { codes } = await inspect(() => yaml);
    expect(codes).toEqual([code]);
  });

  it('takes no Role that reads every Secret: not as a warning', async () => {
    const { findings } = await inspect(() => rbac('Role', 'rules: [{ resources: [secrets], verbs: [list] }]'));
    expect(findings.items).toMatchObject([
      { severity: 'error', message: expect.stringContaining('list of every Secret in the namespace') },
    ]);
  });

  it('shows the line of the template that helm names', async () => {
    const { findings } = await inspect(() => 'Error: execution error at (web/templates/map.yaml:3:7): say which');
    expect(findings.items[0]?.place).toEqual({ file: 'templates/map.yaml', line: 3, column: 7 });
  });

  it('names hooks with their moments, and asks what becomes of a failed upgrade after one has run', async () => {
    const hook = (name: string, kind: string, events: string): string =>
      document(
        'hook.yaml',
        `apiVersion: ${kind === 'Job' ? 'batch/v1' : 'v1'}\nkind: ${kind}\nmetadata: { name: ${name}, annotations: { helm.sh/hook: "${events}" } }`,
      );
    const render: Render = ({ releaseName }) =>
      map + hook(`${releaseName}-migrate`, 'Job', 'pre-upgrade,test') + hook('script', 'ConfigMap', 'pre-upgrade');
    const { inspection, codes } = await inspect(render);
    expect(codes).toEqual(['rollback']);
    expect(inspection.hooks).toEqual([
      { object: 'Job/${installation}-migrate', events: ['pre-upgrade'] },
      { object: 'ConfigMap/script', events: ['pre-upgrade'] },
    ]);
    const said = await inspect(render, { 'steward.yaml': 'upgrade: { rollback: ask }\n' });
    expect(said.codes).toEqual([]);
  });

  it('lets differ what a hook makes at an install only, and what runs anew each time', async () => {
    let count = 0;
    const secret = (events: string): string =>
      document(
        'auth.yaml',
        `apiVersion: v1\nkind: Secret\nmetadata: { name: auth, annotations: { helm.sh/hook: "${events}" } }\nstringData: { a: "${count++}" }`,
      );
    expect((await inspect(() => map + secret('pre-install'))).codes).toEqual([]);
    expect((await inspect(() => map + secret('pre-install,pre-upgrade'))).codes).toEqual(['unstable']);
  });

  it('leaves tests out, and opens lists', async () => {
    const test = map.replace('{ name: settings }', '{ name: t, annotations: { helm.sh/hook: "test" } }');
    const list = document(
      'l.yaml',
      'apiVersion: v1\nkind: List\nitems:\n  - { apiVersion: v1, kind: Service, metadata: { name: a } }',
    );
    const { inspection, codes } = await inspect(() => test + list);
    expect(codes).toEqual([]);
    expect(inspection.permissions.map(({ kind }) => kind)).toContain('Service');
    expect(inspection.permissions.map(({ kind }) => kind)).not.toContain('ConfigMap');
  });

  it('refuses a wave that is no number, and warns of one on a hook', async () => {
    const waved = (wave: string, more = ''): string =>
      map.replace('{ name: settings }', `{ name: settings, annotations: { steward.dev/wave: "${wave}"${more} } }`);
    expect((await inspect(() => waved('-1'))).codes).toEqual([]);
    expect((await inspect(() => waved('first'))).findings.items).toMatchObject([{ severity: 'error', code: 'wave' }]);
    const hook = waved('1', ', helm.sh/hook: post-install');
    expect((await inspect(() => hook)).findings.items).toMatchObject([{ severity: 'warning', code: 'wave' }]);
  });

  it('says that a Job which the cluster would tidy away stays', async () => {
    const job = (spec: string): string =>
      document('j.yaml', `apiVersion: batch/v1\nkind: Job\nmetadata: { name: j }\nspec: { ${spec} }`);
    expect((await inspect(() => job(''))).codes).toEqual([]);
    const { findings } = await inspect(() => job('ttlSecondsAfterFinished: 60'));
    expect(findings.items).toMatchObject([{ severity: 'note', code: 'job-ttl' }]);
  });

  it('warns of a workload without readiness probe', async () => {
    const workload = (probe: string): string =>
      document(
        'd.yaml',
        `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d }\nspec: { template: { spec: { securityContext: { runAsNonRoot: true }, containers: [{ name: a, image: "b:1"${probe} }] } } }`,
      );
    expect((await inspect(() => workload(''))).codes).toEqual(['no-readiness']);
    expect((await inspect(() => workload(', readinessProbe: {}'))).codes).toEqual([]);
  });

  it('checks that a probe names a service of the chart and one of its ports', async () => {
    const service = document(
      's.yaml',
      'apiVersion: v1\nkind: Service\nmetadata: { name: qx7inst-web }\nspec: { ports: [{ name: http, port: 80 }] }',
    );
    const probe = (name: string, port: string): string =>
      `probes:\n  - { name: up, service: "${name}", port: ${port} }\n`;
    const check = async (yaml: string) =>
      (await inspect(({ releaseName }) => service.replaceAll('qx7inst', releaseName), { 'steward.yaml': yaml }))
        .findings.items;
    expect(await check(probe('${installation}-web', 'http'))).toEqual([]);
    expect(await check(probe('${installation}-web', '80'))).toEqual([]);
    expect(await check(probe('${installation}-web', '81'))).toMatchObject([{ code: 'probe', place: { line: 2 } }]);
    expect((await check(probe('web', '80')))[0]?.action).toContain('${installation}-web');
  });

  it('checks that an endpoint of metrics names a Service of the chart, its port by name, and has its own name', async () => {
    const service = document(
      's.yaml',
      'apiVersion: v1\nkind: Service\nmetadata: { name: qx7inst-web }\nspec: { ports: [{ name: http, port: 80 }] }',
    );
    const endpoint = (of: string, port: string): string =>
      `    - { name: web, service: "${of}", port: ${port}, collect: [up_total] }\n`;
    const check = async (...endpoints: string[]) =>
      (
        await inspect(({ releaseName }) => service.replaceAll('qx7inst', releaseName), {
          'steward.yaml': `metrics:\n  endpoints:\n${endpoints.join('')}`,
        })
      ).findings.items;
    const own = '${installation}-web';
    expect(await check(endpoint(own, 'http'))).toEqual([]);
    expect(await check(endpoint(own, '9090'))).toEqual([]);
    expect(await check(endpoint(own, 'other'))).toMatchObject([{ code: 'metrics', place: { line: 3 } }]);
    expect((await check(endpoint('web', '80')))[0]?.action).toContain('${installation}-web');
    expect(await check(endpoint(own, '80'), endpoint(own, '81'))).toMatchObject([{ place: { line: 4 } }]);
    expect(await check('    - { name: web, service: s, port: 1, collect: ["no.name"] }\n')).toMatchObject([
      { code: 'schema', place: { line: 3 } },
    ]);
  });
});
