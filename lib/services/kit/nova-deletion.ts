import type { ProjectContext } from '../../task/service.ts';

/**
 * True in a partial run that began before the end of Nova's task: Nova may still delete servers of
 * the project.
 */
export const isNovaUnfinished = ({ awaitedServices }: ProjectContext): boolean =>
  awaitedServices?.includes('nova') === true;
