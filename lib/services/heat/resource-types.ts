/**
 * True if the type name in a template or environment begins with `type`: `OS::Keystone::` matches
 * all types of Keystone. A name in an environment may end in a star (`OS::Nova::*`), and may
 * contain Neutron's former name, Quantum.
 */
export const matchesType = (typeName: string, type: string): boolean => {
  const name = typeName.replace(/^OS::Quantum/, 'OS::Neutron');
  return name.startsWith(type) || (name.endsWith('*') && type.startsWith(name.slice(0, -1)));
};

/**
 * True for a type that the operator defines in the global environment. Such a type may be an alias
 * of any other type. No API shows this other type.
 */
export const isCustomType = (type: string): boolean =>
  !/^(OS|AWS)::|^[a-z]+:\/\/|\.(yaml|template)$/.test(type);

/**
 * Types whose resources belong to the cloud or to other projects. Heat permits these types only to
 * administrators, but an alias bypasses this check (seen on Heat 19). The creation of such a
 * resource then fails, because the customer lacks the rights. When an administrator deletes the
 * stack, Heat nevertheless deletes the resource that the template names: it resets, for example,
 * the quota of another project. `OS::Mistral::ExternalResource` runs a workflow at the deletion,
 * with the caller's rights.
 */
export const PRIVILEGED_TYPES = [
  ...[
    'OS::Keystone::',
    'OS::Ironic::',
    'OS::Blazar::Host',
    'OS::Manila::ShareType',
    'OS::Mistral::ExternalResource',
  ],
  ...['OS::Nova::Quota', 'OS::Nova::Flavor', 'OS::Nova::HostAggregate', 'OS::Neutron::Quota'],
  ...[
    'OS::Cinder::Quota',
    'OS::Cinder::VolumeType',
    'OS::Cinder::EncryptedVolumeType',
    'OS::Cinder::QoS',
  ],
  ...['OS::Octavia::Quota', 'OS::Octavia::Flavor', 'OS::Octavia::AvailabilityZone'],
];

/**
 * Types of associations. When Heat deletes an association, it also changes the resource that the
 * template names. If Heat could not create the association with the owner's token, that resource
 * may belong to another project. A stack with an unfinished association is therefore kept. The
 * status of the association does not show every case: an owner can make a failed update look
 * complete. Only a deletion without the administrator role would then protect the other project.
 */
export const ASSOCIATION_TYPES = [
  ...[
    'OS::Neutron::FloatingIPAssociation',
    'OS::Nova::FloatingIPAssociation',
    'AWS::EC2::EIPAssociation',
  ],
  ...['OS::Neutron::ExtraRoute', 'AWS::EC2::SubnetRouteTableAssociation'],
];
/**
 * Heat may store the metadata of these servers in a Swift object. The template may choose the
 * container and the name of the object.
 */
export const SERVER_TYPES = ['OS::Nova::Server', 'OS::Heat::DeployedServer'];
