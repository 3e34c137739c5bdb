import type { ServiceApi } from '../../task/service.ts';

/**
 * Returns the query parameter with which a listing contains child nodes. Since microversion 1.83
 * (2023.2), Ironic omits nodes with a parent node from a listing without this parameter, even from
 * a listing by owner or lessee. Before 1.83, Ironic refuses the parameter.
 */
export const childNodeQuery = ({ microversion }: ServiceApi): { include_children?: boolean } =>
  Number(microversion?.split('.')[1] ?? 0) >= 83 ? { include_children: true } : {};
