import type { ProjectContext } from '../../task/service.ts';

/**
 * True in a partial run that began before the end of Nova's task: Nova still deletes servers of the
 * project.
 */
export const isNovaDeleting = ({ awaitedServices }: ProjectContext): boolean =>
  awaitedServices?.includes('nova') === true;
