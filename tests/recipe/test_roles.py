from nbtune.recipe import COLUMN_ROLES, OF_TASKS
from nbtune.tasks import find_task, task_names


def test_the_settings_that_name_columns_are_the_roles_of_the_tasks():
    roles = set()
    for name in task_names():
        task = find_task(name)
        for kind in (task, *(make() for make in task.problem_types.values())):
            roles |= set(kind.rows.roles)
    assert roles <= set(COLUMN_ROLES)
    assert set(COLUMN_ROLES) - roles <= set(OF_TASKS), "those of a variant, such as of chats"
