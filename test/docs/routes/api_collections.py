"""Prints the API collections of one OpenStack service, read from its installed code.

usage: PYTHON api_collections.py           prints the services that this interpreter has
       PYTHON api_collections.py SERVICE   prints the collections of one service

PYTHON is the interpreter that runs the services of a cloud. No service is called and no
configuration of the cloud is read. Each service needs its own process because the services
register options of the same name.

A collection is a URL without ids at its end that creates something or lists something. For a
service that finds its controllers by attributes (pecan), it is the class of the controller.
"""
import contextlib
import importlib
import importlib.util
import inspect
import json
import logging
import os
import pkgutil
import re
import sys
import types
import warnings
from unittest import mock

CREATE = {'POST', 'PUT', 'PATCH'}


def modules_of(package):
    """Every module below a package, without tests. A module that cannot be imported is an error."""
    module = importlib.import_module(package)
    yield module
    for found in pkgutil.iter_modules(getattr(module, '__path__', [])):
        if found.name not in ('tests', 'wsgi', '_dummy'):
            yield from modules_of(f'{package}.{found.name}')


# ---- services with a table of URLs: (path, methods) pairs


def mapper_routes(start):
    """The routes of every routes.Mapper that exists after `start` was called."""
    import routes

    mappers = []
    create = routes.Mapper.__init__

    def recorded(self, *args, **kwargs):
        mappers.append(self)
        create(self, *args, **kwargs)

    with mock.patch.object(routes.Mapper, '__init__', recorded), without_rpc():
        start()
    for mapper in mappers:
        for route in mapper.matchlist:
            if route.defaults.get('action') not in ('reject', 'options'):
                method = (route.conditions or {}).get('method') or ['GET', 'POST']
                yield route.routepath, [method] if isinstance(method, str) else method


@contextlib.contextmanager
def without_rpc():
    """Replaces the RPC clients that controllers create, because no RPC server answers here."""
    import oslo_messaging

    with contextlib.ExitStack() as patches:
        for name in ('get_rpc_client', 'RPCClient'):
            if hasattr(oslo_messaging, name):
                patches.enter_context(mock.patch.object(oslo_messaging, name))
        for name, module in list(sys.modules.items()):
            if name.endswith('.rpc') and hasattr(module, 'TRANSPORT'):
                patches.enter_context(mock.patch.object(module, 'TRANSPORT'))
                patches.enter_context(mock.patch.object(module, 'NOTIFIER', create=True))
        yield


def flask_rules(app):
    for rule in app.url_map.iter_rules():
        if rule.endpoint != 'static':
            yield rule.rule, rule.methods


def falcon_routes(pairs):
    for path, resource in pairs:
        verbs = [name[3:].upper() for name in dir(resource) if name.startswith('on_')]
        yield path, verbs


def nova():
    from nova.api.openstack.compute import routes

    for path, methods in routes.ROUTE_LIST:
        if isinstance(methods, dict):
            yield path, list(methods)


def cinder():
    from cinder import objects, rpc

    objects.register_all()
    from cinder.api.v3 import router

    # An RPC client asks the database for the version of the other side.
    with mock.patch.object(rpc.RPCAPI, '__init__', lambda self: None):
        yield from mapper_routes(router.APIRouter)


def manila():
    from manila.api.v2 import router
    from manila.common import config  # noqa: F401 (registers the options)

    return mapper_routes(router.APIRouter)


def glance():
    import routes
    from glance.api.v2 import router
    from oslo_config import cfg

    cfg.CONF([], project='routes', default_config_files=[], default_config_dirs=[])
    return mapper_routes(lambda: router.API(routes.Mapper()))


def heat():
    from heat.api.openstack import v1
    from heat.common import config  # noqa: F401 (registers the options)
    from oslo_config import cfg

    return mapper_routes(lambda: v1.API(cfg.CONF))


def trove():
    from trove.common import api, cfg  # noqa: F401 (registers the options)

    return mapper_routes(api.API)


def masakari():
    from masakari import rpc  # noqa: F401 (its transport is replaced)
    from masakari.api.openstack import ha

    return mapper_routes(ha.APIRouterV1)


def tacker():
    from oslo_config import cfg
    from tacker.api.vnflcm.v1 import router as lcm
    from tacker.api.vnfpkgm.v1 import router as packages
    from tacker.common import config  # noqa: F401 (registers the options)
    from tacker.sol_refactored.api import router as refactored
    from tacker.sol_refactored.api.wsgi import SolAPIRouter

    cfg.CONF([], project='routes', default_config_files=[], default_config_dirs=[])
    # A controller opens the database; the routes need none.
    with mock.patch('tacker.api.vnflcm.v1.controller.create_resource'), \
            mock.patch('tacker.api.vnfpkgm.v1.controller.create_resource'):
        yield from mapper_routes(lcm.VnflcmAPIRouter)
        yield from mapper_routes(packages.VnfpkgmAPIRouter)
    for name, router in vars(refactored).items():
        if inspect.isclass(router) and issubclass(router, SolAPIRouter):
            for path, methods in getattr(router, 'route_list', []):
                yield f'{name}{path}', list(methods)
    for module in modules_of('tacker.extensions'):
        for collection in getattr(module, 'RESOURCE_ATTRIBUTE_MAP', {}):
            yield collection, ['GET', 'POST']


def neutron():
    """The collections that the extensions of Neutron and of its plug-ins define."""
    packages = ['neutron_lib.api.definitions', 'neutron.extensions']
    for plugin in ('neutron_vpnaas', 'neutron_fwaas', 'neutron_dynamic_routing', 'neutron_taas',
                   'networking_bgpvpn', 'networking_sfc', 'networking_l2gw'):
        if importlib.util.find_spec(plugin):
            packages.append(f'{plugin}.extensions')
    for package in packages:
        if importlib.util.find_spec(package) is None:
            continue
        for module in modules_of(package):
            # An extension that only adds attributes to a collection has the same keys.
            for collection in getattr(module, 'RESOURCE_ATTRIBUTE_MAP', {}):
                yield collection, ['GET', 'POST']
            for name, sub in (getattr(module, 'SUB_RESOURCE_ATTRIBUTE_MAP', None) or {}).items():
                if 'parent' in sub:
                    yield f"{sub['parent']['collection_name']}/ID/{name}", ['GET', 'POST']
                else:
                    yield f'ID/{name}', ['GET', 'POST']
            if not hasattr(module, 'RESOURCE_ATTRIBUTE_MAP'):
                yield from undeclared_collections(module)


def undeclared_collections(module):
    """The collections of an extension that has no definition of them, for example the tags."""
    for kind in vars(module).values():
        if (inspect.isclass(kind) and kind.__module__ == module.__name__
                and 'get_resources' in vars(kind) and not hasattr(kind, 'api_definition')):
            yield f"extension {module.__name__.split('.')[-1]}", ['GET']


def keystone():
    import flask
    import keystone.api
    from keystone.server.flask import application

    # Until 2023 the list was in another module.
    app = flask.Flask('routes', static_folder=None)
    for module in getattr(application, '__apis__', None) or keystone.api.__apis__:
        for blueprint in module.APIs:
            blueprint.instantiate_and_register_to_app(app)
    return flask_rules(app)


def blazar():
    import flask
    from blazar.api.v1 import utils

    app = flask.Flask('routes', static_folder=None)
    for module in list(modules_of('blazar.api.v1')):
        for value in list(vars(module).values()):
            if isinstance(value, utils.Rest) and value.name not in app.blueprints:
                app.register_blueprint(value, url_prefix=value.url_prefix)
    return flask_rules(app)


def cloudkitty():
    from cloudkitty import config  # noqa: F401 (registers the options)
    from cloudkitty.api import v2

    yield from flask_rules(v2.get_api_app())
    yield from pecan_classes('cloudkitty.api.v1', 'cloudkitty.rating.hash.controllers',
                             'cloudkitty.rating.pyscripts.controllers')


def placement():
    from placement import handler

    for path, methods in handler.ROUTE_DECLARATIONS.items():
        yield path, list(methods)


def zaqar():
    from zaqar.transport.wsgi import v2_0

    driver = mock.MagicMock()
    return falcon_routes(v2_0.public_endpoints(driver, mock.MagicMock())
                         + v2_0.private_endpoints(driver, mock.MagicMock()))


def freezer():
    from freezer_api.api import v2

    return falcon_routes(v2.public_endpoints(mock.MagicMock()))


# ---- services that find their controllers by attributes: one entry per class

REST = {'get_all': 'GET', 'index': 'GET', 'get': 'GET', 'post': 'POST', 'put': 'PUT',
        'patch': 'PATCH', 'post_all': 'POST', 'put_all': 'PUT'}


def verbs_of(kind):
    """The methods that a controller answers."""
    verbs = set()
    # Magnum and Zun keep a method of several microversions in this table.
    for name in getattr(kind, 'versioned_methods', None) or {}:
        verbs.add(REST.get(name, ''))
    for name in dir(kind):
        value = inspect.getattr_static(kind, name)
        value = getattr(value, '__func__', value)
        if not getattr(value, 'exposed', False):
            continue
        generic = getattr(value, '_pecan', {}).get('generic_handlers', {})
        verbs.update(REST.get(name, '') if verb == 'DEFAULT' and len(generic) == 1 else verb
                     for verb in generic)
        if not generic:
            verbs.add(REST.get(name, ''))
    for custom in (getattr(kind, '_custom_actions', None) or {}).values():
        verbs.update(custom)
    return verbs - {'', 'DEFAULT'}


def pecan_classes(*packages):
    service = packages[0].split('.')[0]
    for first in PREPARE.get(service, []):
        importlib.import_module(first)
    if service in ('cyborg', 'watcher'):
        importlib.import_module(f'{service}.objects').register_all()
    for package in packages:
        for module in modules_of(package):
            for kind in vars(module).values():
                if inspect.isclass(kind) and kind.__module__ == module.__name__:
                    label = module.__name__.split('.')[-1]
                    name = re.sub('Controller$', '', kind.__name__) or kind.__name__
                    yield f'class {label}.{name}', verbs_of(kind)


PECAN = {
    'aodh': ['aodh.api.controllers'],
    'barbican': ['barbican.api.controllers'],
    'cyborg': ['cyborg.api.controllers'],
    'designate': ['designate.api.v2.controllers', 'designate.api.admin.controllers'],
    'gnocchi': ['gnocchi.rest'],
    'ironic': ['ironic.api.controllers'],
    'magnum': ['magnum.api.controllers'],
    'mistral': ['mistral.api.controllers'],
    'octavia': ['octavia.api.v2.controllers'],
    'watcher': ['watcher.api.controllers'],
    'zun': ['zun.api.controllers'],
}
# Modules that import each other in a circle unless this one is the first.
PREPARE = {'mistral': ['mistral.db.v2.api']}
TABLES = [blazar, cinder, cloudkitty, freezer, glance, heat, keystone, manila, masakari, neutron,
          nova, placement, tacker, trove, zaqar]
READERS = {table.__name__: table for table in TABLES}
READERS.update({name: (lambda packages=packages: pecan_classes(*packages))
                for name, packages in PECAN.items()})
PACKAGES = {'freezer': 'freezer_api'}

# ---- from routes to collections

PARAMETER = re.compile(r'\{[^}]*\}|<[^>]*>|:\([^)]*\)|:[A-Za-z_]+')
LEADING = re.compile(r'^/?(v[\d.]+(/|$))?((ID|admin)/(?=[a-zA-Z]))?')


def collection(path):
    """The path without version, project, format, the ids at its end, `detail` and `action`."""
    path = re.sub(r'(\{?\.:?\(?(format|\{format\}).*|/?\.json)$', '', path)
    path = PARAMETER.sub('ID', path).strip('/')
    path = LEADING.sub('', path)
    return re.sub(r'(/(ID|detail|action|new|edit|\.ID))+$', '', path).strip('/')


def collections(service):
    methods = {}
    for path, verbs in READERS[service]():
        methods.setdefault(collection(path), set()).update(verbs)
    return sorted(path for path, verbs in methods.items() if path not in ('', 'ID') and (
        verbs & CREATE or ('GET' in verbs and 'ID' not in path.split('/'))))


def main(arguments):
    if not arguments:
        return sorted(name for name in READERS
                      if importlib.util.find_spec(PACKAGES.get(name, name)))
    return collections(arguments[0])


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    logging.disable(logging.CRITICAL)
    output, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps(main(sys.argv[1:])), file=output, flush=True)
    os._exit(0)
