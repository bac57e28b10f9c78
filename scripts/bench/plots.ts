/**
 * The plots, as SVG. Drawn by Apache ECharts: maintained by a foundation, and its server-side renderer makes SVG
 * text without a browser or a DOM.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Plot } from './model.ts';
import { BENCH } from './workspace.ts';

/** The little of ECharts that is used; it is not installed where the types are checked. */
interface Echarts {
  init(
    dom: null,
    theme: null,
    options: object,
  ): { setOption(option: object): void; renderToSVGString(): string; dispose(): void };
}

const WIDTH = 820;
const CHARACTER_WIDTH = 6.6;
const COLOURS = ['#2563eb', '#d97706', '#059669', '#9333ea', '#dc2626', '#64748b', '#0891b2'];

/** Writes each plot to `directory`/FILE.svg. @returns the paths. */
export function drawPlots(plots: readonly Plot[], directory: string): string[] {
  const echarts = createRequire(join(BENCH, 'package.json'))('echarts') as Echarts;
  mkdirSync(directory, { recursive: true });
  return plots.map((plot) => {
    const height =
      plot.kind === 'line' ? 380 : 110 + plot.categories.length * Math.max(26, 15 * plot.series.length + 8);
    const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
    chart.setOption(plot.kind === 'line' ? lineOption(plot) : barOption(plot));
    const path = join(directory, `${plot.file}.svg`);
    writeFileSync(path, chart.renderToSVGString());
    chart.dispose();
    return path;
  });
}

function common(plot: Plot): object {
  const severalSeries = plot.series.length > 1;
  return {
    animation: false,
    color: COLOURS,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'sans-serif' },
    title: { text: plot.title, left: 12, top: 8, textStyle: { fontSize: 15 } },
    legend: severalSeries ? { top: 34, left: 12, itemWidth: 14, itemHeight: 10, itemGap: 22 } : undefined,
    grid: { left: leftMargin(plot), right: 72, top: severalSeries ? 64 : 44, bottom: 44 },
  };
}

/** Room for the category names: without a font to measure, by their length. */
function leftMargin(plot: Plot): number {
  const longest = Math.max(0, ...plot.categories.map((name) => name.length));
  return plot.kind === 'line' ? 64 : 24 + longest * CHARACTER_WIDTH;
}

function valueAxis(plot: Plot): object {
  const values = plot.series.flatMap((series) =>
    series.values.filter((value) => value !== null && value > 0),
  );
  // On a logarithmic axis bars would begin at 1.
  const start =
    plot.log && values.length > 0
      ? 10 ** Math.floor(Math.log10(Math.min(...(values as number[]))))
      : undefined;
  return {
    type: plot.log ? 'log' : 'value',
    ...(start === undefined ? {} : { min: start, startValue: start }),
    name: plot.unit,
    nameLocation: 'middle',
    axisLabel: { formatter: number },
  };
}

function barOption(plot: Plot): object {
  return {
    ...common(plot),
    xAxis: { ...valueAxis(plot), nameGap: 26 },
    yAxis: { type: 'category', inverse: true, data: plot.categories, axisTick: { show: false } },
    series: plot.series.map(({ name, values }) => ({
      name,
      type: 'bar',
      data: values.map((value) => value ?? '-'),
      barMaxWidth: 18,
      label: { show: true, position: 'right', formatter: ({ value }: { value: number }) => number(value) },
    })),
  };
}

function lineOption(plot: Plot): object {
  return {
    ...common(plot),
    xAxis: { type: 'category', data: plot.categories },
    yAxis: { ...valueAxis(plot), nameGap: 48 },
    series: plot.series.map(({ name, values }) => ({
      name,
      type: 'line',
      symbolSize: 7,
      data: values.map((value) => value ?? '-'),
    })),
  };
}

function number(value: number): string {
  if (typeof value !== 'number') return '';
  return value >= 100
    ? Math.round(value).toLocaleString('en-US').replaceAll(',', ' ')
    : String(Number(value.toPrecision(2)));
}
