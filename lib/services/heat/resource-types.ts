/**
 * Compares by prefix: `OS::Keystone::` matches all types of Keystone. A mapping may end in a star
 * (`OS::Nova::*`), and may contain Neutron's former name, Quantum.
 */
export const matchesType = (typeName: string, type: string): boolean => {
  const name = typeName.replace(/^OS::Quantum/, 'OS::Neutron');
  return name.startsWith(type) || (name.endsWith('*') && type.startsWith(name.slice(0, -1)));
};
/**
 * True for a type of the operator's global environment. Such a type may be an alias of any type,
 * which no API shows.
 */
export const isCustomType = (type: string): boolean =>
  !/^(OS|AWS)::|^[a-z]+:\/\/|\.(yaml|template)$/.test(type);

/**
 * Types of resources of the cloud or of other projects. Heat permits them only to administrators,
 * but an alias bypasses this check (seen on 19). The customer cannot create such a resource. A
 * deletion by an administrator nevertheless executes the template and, for example, resets the
 * quota of any project that the template names. `OS::Mistral::ExternalResource` runs a workflow at
 * the deletion, with the caller's rights.
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
 * template names. If the owner's token could not create the association, that resource may belong
 * to another project. An owner can make a failed update look complete, which this check does not
 * detect. In that case only a deletion without the administrator role would protect the other
 * project.
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
 * Heat stores the metadata of these servers in a Swift object. The template may choose the name of
 * the object.
 */
export const SERVER_TYPES = ['OS::Nova::Server', 'OS::Heat::DeployedServer'];
